"""apt's lists of packages, of their descriptions in any language, and of applications, as text.

apt's own programs read the lists that were fetched last, whatever their compression.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from untilclick.search.errors import DataError

READER = "/usr/lib/apt/apt-helper"
"""Program that unpacks a list."""

_FIELD = re.compile(r"^([A-Za-z][\w-]*): ?(.*)$")


def lists(kind: str, language: str = "en") -> str:
    """The text of all lists of a kind, one after the other; empty if none was fetched.

    Kinds are `Packages`, `Translations` (in a language, in apt's notation such as `de` or `zh_CN`) and `DEP-11`.
    Raises DataError if apt's programs cannot be run.
    """
    options = (f"-oAcquire::Languages={language}", f"-oAcquire::IndexTargets::deb::{kind}::DefaultEnabled=true")
    files = _run("apt-get", *options, "indextargets", "--format", "$(FILENAME)", f"Created-By: {kind}").splitlines()
    return _run(READER, "cat-file", *files) if files else ""


def records(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of `Field: value` lines that have a package name.

    Continuation lines are joined to their value; a line with a single dot is an empty line of the value.
    """
    for paragraph in text.split("\n\n"):
        record: dict[str, str] = {}
        field = ""
        for line in paragraph.splitlines():
            if line.startswith(" "):
                record[field] = f"{record.get(field, '')}\n{'' if line.strip() == '.' else line[1:]}"
            elif match := _FIELD.match(line):
                field = match.group(1)
                record[field] = match.group(2)
        if "Package" in record:
            yield record


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise DataError.at(
            command[0], None, f"cannot be run ({error})", "Make this collection on Debian or Ubuntu"
        ) from error
