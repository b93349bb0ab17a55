"""Makes test collections from text in Debian's packages, to test settings on documents they were not chosen on.

    python -m benchmarks.package_corpora                                       list the collections and their packages
    python -m benchmarks.package_corpora manual-pages python-faq --out DIR     make two collections
    python -m benchmarks.package_corpora all --out DIR [--root DIR] [--documents N] [--topics N] [--seed N]

Each collection becomes a folder DIR/NAME in BEIR layout with topics in the split `dev`. Its judgments follow from the
text: a query is a description of a document by its authors, or a question that people asked and the document answers.
The document does not contain the query. The collections in several languages have documents alone, from which readers
make topics. The packages must be installed, or unpacked (`dpkg -x`) under --root. A message names absent packages;
other collections are made, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from untilclick.search.errors import DataError

from benchmarks.corpora import (
    applications,
    dictionary,
    manual_pages,
    package_descriptions,
    perl_faq,
    postgresql_index,
    python_faq,
    translated_descriptions,
)
from benchmarks.corpora.made import MadeCorpus, Size, thinned, write_beir


@dataclass(frozen=True)
class Source:
    """Source of one collection."""

    packages: str
    """Names of the Debian packages it needs, separated by spaces."""
    asked: str
    """The kind of queries, and the documents that are relevant to them."""
    build: Callable[[Path], MadeCorpus]
    """Makes the collection from the packages under a root folder."""


SOURCES: dict[str, Source] = {
    "python-faq": Source(
        python_faq.PACKAGES, "frequently asked questions: the sections that the answer links to", python_faq.build
    ),
    "perl-faq": Source(perl_faq.PACKAGES, "frequently asked questions: their answers", perl_faq.build),
    "postgresql-index": Source(
        postgresql_index.PACKAGES,
        "entries of the index of the manual: the sections they refer to",
        postgresql_index.build,
    ),
    "manual-pages": Source(manual_pages.PACKAGES, "one-line descriptions: the page", manual_pages.build),
    "package-descriptions": Source(
        package_descriptions.PACKAGES, "synopses: the long description", package_descriptions.build
    ),
    "dictionary": Source(dictionary.PACKAGES, "definitions: the entry of another dictionary", dictionary.build),
    **{
        f"descriptions-{language}": Source(
            translated_descriptions.PACKAGES,
            f"none; descriptions of packages in the language {language}",
            partial(translated_descriptions.build, language=language),
        )
        for language in translated_descriptions.LANGUAGES
    },
    **{
        f"applications-{language}": Source(
            applications.PACKAGES,
            f"none; summaries of applications in the language {language}",
            partial(applications.build, language=language),
        )
        for language in applications.LANGUAGES
    },
}
"""Name of a collection -> its source."""


def make(name: str, root: Path, out: Path, size: Size) -> Path:
    """Make one collection in a folder `name` of `out`, and return that folder.

    Raises DataError if the packages of the collection are not installed.
    """
    corpus = thinned(SOURCES[name].build(root), size)
    folder = write_beir(corpus, out / name)
    print(f"{name}: {len(corpus.documents):,} documents, {len(corpus.topics):,} topics in {folder}", flush=True)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """List the collections, or make the named ones; returns the exit status."""
    parser = argparse.ArgumentParser(description="Test collections from the text that packages carry")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SOURCES)}, or all")
    parser.add_argument("--out", type=Path, default=Path("runs/corpora"))
    parser.add_argument("--root", type=Path, default=Path("/"), help="folder in which packages were unpacked")
    parser.add_argument("--documents", type=int, default=Size.documents)
    parser.add_argument("--topics", type=int, default=Size.topics)
    parser.add_argument("--seed", type=int, default=Size.seed)
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.names) - set(SOURCES) - {"all"})
    if unknown:
        parser.error(f"unknown collection {', '.join(unknown)}; choose {', '.join(SOURCES)} or all")
    if not options.names:
        for name, source in SOURCES.items():
            print(f"{name:21} {source.asked} ({source.packages})")
        return 0
    return _make_all(SOURCES if "all" in options.names else options.names, options)


def _make_all(names: Sequence[str] | dict[str, Source], options: argparse.Namespace) -> int:
    status = 0
    for name in names:
        try:
            make(name, options.root, options.out, Size(options.documents, options.topics, options.seed))
        except DataError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
