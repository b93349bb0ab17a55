"""Makes the secrets that a folder lacks, one a file. Those that are there stay as they are.

Readable by all: each container reads them as a user of its own, and only containers that are given the volume see it.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

NAMES = ("postgres_password", "admin_key", "click_key", "opensearch_password", "grafana_password")


def main(folder: Path) -> None:
    """Make what is missing, and say so; never what is in it."""
    for name in NAMES:
        path = folder / name
        if path.exists():
            continue
        part = folder / f".{name}.part"
        # OpenSearch asks for a password with a digit, a capital, a small letter and a sign.
        part.write_text(f"{secrets.token_urlsafe(32)}-aA1\n", encoding="ascii")
        part.chmod(0o444)
        part.rename(path)
        print(f"made {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
