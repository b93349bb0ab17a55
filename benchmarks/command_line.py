"""Runs commands of `untilclick` for benchmarks, each in a process of its own with one thread."""

from __future__ import annotations

import os
import subprocess
import sys


def untilclick(*arguments: str) -> str:
    """What one command of `untilclick` prints. Exits this program with the end of its output if the command fails."""
    command = [sys.executable, "-c", "from untilclick.app.cli.main import main; main()", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TRLX_VERBOSITY": "ERROR"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"untilclick {' '.join(arguments)} failed:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}")
    return done.stdout
