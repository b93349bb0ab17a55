"""Makes the secrets that are missing in a folder, one file for each. Existing secrets are not changed.

All users may read the files, because each container runs as another user. Only containers that mount the volume have
access to it.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

NAMES = ("postgres_password", "admin_key", "click_key", "opensearch_password", "grafana_password")


def main(folder: Path) -> None:
    """Make the missing secrets, and print their names but not their values."""
    for name in NAMES:
        path = folder / name
        if path.exists():
            continue
        part = folder / f".{name}.part"
        # OpenSearch requires a digit, an upper-case letter, a lower-case letter and a special character.
        part.write_text(f"{secrets.token_urlsafe(32)}-aA1\n", encoding="ascii")
        part.chmod(0o444)
        part.rename(path)
        print(f"made {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
