"""Makes test collections from the text that Debian's packages carry, for documents that no setting was chosen on.

    python -m benchmarks.package_corpora                                       the list, and what to install for each
    python -m benchmarks.package_corpora manual-pages python-faq --out DIR     some
    python -m benchmarks.package_corpora all --out DIR [--root DIR] [--documents N] [--topics N] [--seed N]

Each becomes DIR/NAME in BEIR layout with topics in the split `dev`. No judgment was made for them: a query is what
the text's own authors wrote about a document, or a question that people asked, and is not part of the document. The
packages must be installed, or unpacked (`dpkg -x`) under --root; what is absent is named, and the others are made.
The exit status is 1 where one is absent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from untilclick.search.errors import DataError

from benchmarks.corpora import (
    dictionary,
    manual_pages,
    package_descriptions,
    perl_faq,
    postgresql_index,
    python_faq,
)
from benchmarks.corpora.made import MadeCorpus, Size, thinned, write_beir


@dataclass(frozen=True)
class Source:
    """Where one collection comes from."""

    packages: str
    """Debian's names of what must be installed."""
    asked: str
    """What the queries are, and what they ask for."""
    build: Callable[[Path], MadeCorpus]
    """Makes it of what is installed under a folder."""


SOURCES: dict[str, Source] = {
    "python-faq": Source(python_faq.PACKAGES, "questions of people: sections that answers link to", python_faq.build),
    "perl-faq": Source(perl_faq.PACKAGES, "questions of people: their answers", perl_faq.build),
    "postgresql-index": Source(
        postgresql_index.PACKAGES, "entries of the manual's index: sections", postgresql_index.build
    ),
    "manual-pages": Source(manual_pages.PACKAGES, "what a page says it is about: the page", manual_pages.build),
    "package-descriptions": Source(
        package_descriptions.PACKAGES, "synopses: long descriptions", package_descriptions.build
    ),
    "dictionary": Source(dictionary.PACKAGES, "definitions: entries of another dictionary", dictionary.build),
}
"""By name."""


def make(name: str, root: Path, out: Path, size: Size) -> Path:
    """Make one collection in `out`/NAME. Raises DataError where its packages are not installed."""
    made = thinned(SOURCES[name].build(root), size)
    folder = write_beir(made, out / name)
    print(f"{name}: {len(made.documents):,} documents, {len(made.topics):,} topics in {folder}", flush=True)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """List the collections, or make those that are named."""
    parser = argparse.ArgumentParser(description="Test collections from the text that packages carry")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SOURCES)}, or all")
    parser.add_argument("--out", type=Path, default=Path("runs/corpora"))
    parser.add_argument("--root", type=Path, default=Path("/"), help="where packages were unpacked")
    parser.add_argument("--documents", type=int, default=Size.documents)
    parser.add_argument("--topics", type=int, default=Size.topics)
    parser.add_argument("--seed", type=int, default=Size.seed)
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(SOURCES) - {"all"})
    if unknown:
        parser.error(f"no collection {', '.join(unknown)}; there are {', '.join(SOURCES)}, and all")
    if not given.names:
        for name, source in SOURCES.items():
            print(f"{name:21} {source.asked} ({source.packages})")
        return 0
    return _make_all(SOURCES if "all" in given.names else given.names, given)


def _make_all(names: Sequence[str] | dict[str, Source], given: argparse.Namespace) -> int:
    absent = 0
    for name in names:
        try:
            make(name, given.root, given.out, Size(given.documents, given.topics, given.seed))
        except DataError as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            absent = 1
    return absent


if __name__ == "__main__":
    sys.exit(main())
