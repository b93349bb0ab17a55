"""docker/make_secrets.py: missing secrets are made, existing ones do not change."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "docker" / "make_secrets.py"


def make(folder: Path) -> str:
    return subprocess.run([sys.executable, PROGRAM, folder], check=True, capture_output=True, text=True).stdout


def test_secrets_are_made_once(tmp_path):
    (tmp_path / "admin_key").write_text("my own\n", encoding="utf-8")
    output = make(tmp_path)
    assert output.count("made ") == 4
    assert "admin_key" not in output
    assert (tmp_path / "admin_key").read_text(encoding="utf-8") == "my own\n"
    before = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert len(before) == len(set(before.values())) == 5
    assert make(tmp_path) == ""
    assert before == {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}


def test_secrets_are_long_readable_and_never_printed(tmp_path):
    output = make(tmp_path)
    for path in tmp_path.iterdir():
        secret = path.read_text(encoding="ascii").strip()
        assert len(secret) >= 40
        assert secret not in output
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
        assert all(re.search(kind, secret) for kind in ("[A-Z]", "[a-z]", "[0-9]", "[^A-Za-z0-9]"))
