"""Lists and runs the benchmarks.

    python -m benchmarks                                 list all benchmarks
    python -m benchmarks all                             run each with its defaults, one after the other
    python -m benchmarks engines -- --documents 20000    run one, with arguments

A benchmark is a module `bench_NAME.py` beside this file. Each runs in a process of its own, so that it does not
start with the memory or the warm caches of another. The exit status is the highest exit status of the benchmarks that
ran, or 2 for an unknown name.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
PREFIX = "bench_"


def names() -> list[str]:
    """The names of all benchmarks in this folder, sorted."""
    return sorted(path.stem.removeprefix(PREFIX) for path in FOLDER.glob(f"{PREFIX}*.py"))


def purpose(name: str) -> str:
    """The first line of a benchmark's docstring, read without importing the module; empty if it has none."""
    source = (FOLDER / f"{PREFIX}{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def run(name: str, arguments: Sequence[str]) -> int:
    """Run one benchmark and return its exit status."""
    print(f"== {name}: {purpose(name)}", flush=True)
    command = [sys.executable, "-m", f"benchmarks.{PREFIX}{name}", *arguments]
    return subprocess.run(command, cwd=FOLDER.parent, check=False).returncode


def main(argv: Sequence[str]) -> int:
    """List the benchmarks, or run those that are named before `--` with the arguments after it."""
    words = list(argv)
    separator = words.index("--") if "--" in words else len(words)
    chosen, arguments = words[:separator], words[separator + 1 :]
    all_names = names()
    if not chosen:
        width = max(map(len, all_names), default=0)
        print("\n".join(f"{name:{width}}  {purpose(name)}" for name in all_names))
        return 0
    unknown = sorted(set(chosen) - set(all_names) - {"all"})
    if unknown:
        print(f"Unknown benchmark {', '.join(unknown)}; choose {', '.join(all_names)} or all.", file=sys.stderr)
        return 2
    return max(abs(run(name, arguments)) for name in (all_names if "all" in chosen else chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
