"""Python's own documentation, read from the running interpreter: public modules, classes, functions and methods.

Importing most of the standard library costs memory and leaves traces, so `stdlib_docs.py` runs `harvest` in a
process of its own and caches what it returns. Only the standard library is imported here, and nothing is written.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import inspect
import io
import json
import os
import pkgutil
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SKIPPED_MODULES = frozenset({
    "antigravity", "this",  # open a browser, print
    "idlelib", "turtle", "turtledemo", "tkinter",  # need a display
    "test", "lib2to3", "distutils", "ensurepip", "pydoc_data", "msilib", "nt", "ntpath", "nturl2path",
    "genericpath", "posixpath", "sre_compile", "sre_constants", "sre_parse", "imp", "asynchat", "asyncore", "smtpd",
})  # fmt: skip
"""Top-level modules left out: they act on import, need a display, or are gone from newer interpreters."""

SKIPPED_PACKAGES = ("encodings", "ctypes.macholib", "multiprocessing.dummy", "unittest.__main__")
"""Packages whose submodules are left out: tables, or second names for other modules."""

BOILERPLATE = re.compile(r"Alias for field number|An enumeration\.|Create and return a new object\.|\w+\(.*\)$")
"""Docstrings that the interpreter writes by itself say nothing about a need."""

MIN_WORDS = 6
"""Docstrings of fewer words are left out."""

LONGEST_DEFAULT = 40
"""Longer default texts are shown as dots."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SELF = re.compile(r"^\((?:self|cls|\$self|\$module|\$type)(?:, /)?(?:, )?")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True, slots=True)
class Entry:
    """One documented object under one public name."""

    name: str
    """Dotted, without `builtins.`."""
    signature: str
    """`rmtree(path, ignore_errors=False)`; the bare last name where the interpreter knows no signature."""
    docstring: str
    """Its own, cleaned of indentation; never inherited."""


def harvest() -> list[Entry]:
    """All entries in alphabetical order of their names. The same interpreter gives the same entries, provided the
    hash seed is fixed (some default values are sets)."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        names = _public_names(_modules())
        entries = [_entry(name, value) for name, value in names.items()]
    kept: dict[tuple[str, str], Entry] = {}
    for entry in sorted(filter(None, entries), key=lambda e: (len(e.name), e.name)):
        kept.setdefault((entry.name.rpartition(".")[2], entry.docstring), entry)
    return sorted(kept.values(), key=lambda e: e.name)


def spoken_name(name: str) -> str:
    """The words inside a CamelCase name, such as `Thread Pool Executor`; empty where the name has no humps."""
    parts = [_CAMEL.findall(part) for part in re.split(r"[._]", name)]
    return " ".join(word for words in parts if len(words) > 1 for word in words)


def _modules() -> Iterator[types.ModuleType]:
    for name in sorted(sys.stdlib_module_names):
        if not name.startswith("_") and name not in SKIPPED_MODULES:
            yield from _with_submodules(name)


def _with_submodules(name: str) -> Iterator[types.ModuleType]:
    """The module and its public submodules; modules that this platform cannot import are passed over."""
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit):
        return
    yield module
    if name == "os":
        yield module.path
    if name in SKIPPED_PACKAGES:
        return
    for found in sorted(pkgutil.iter_modules(getattr(module, "__path__", ())), key=lambda m: m.name):
        inner = f"{name}.{found.name}"
        if not found.name.startswith("_") and found.name not in ("test", "tests") and inner not in SKIPPED_PACKAGES:
            yield from _with_submodules(inner)


def _public_names(modules: Iterator[types.ModuleType]) -> dict[str, object]:
    """Public name -> object, one name per object: the one that ends in the object's own name, then the shortest,
    then the alphabetically first."""
    best: dict[int, tuple[tuple[bool, int, str], object]] = {}

    def offer(name: str, value: object) -> None:
        leaf = name.rpartition(".")[2]
        rank = (leaf != getattr(value, "__name__", leaf), len(name), name)
        if id(value) not in best or rank < best[id(value)][0]:
            best[id(value)] = (rank, value)

    for module in modules:
        prefix = "os.path" if module.__name__ in ("posixpath", "ntpath") else module.__name__
        offer(prefix, module)
        for name, value in _members_of_module(module):
            qualified = name if prefix == "builtins" else f"{prefix}.{name}"
            offer(qualified, value)
            if isinstance(value, type):
                for member, function in _members_of_class(value):
                    offer(f"{qualified}.{member}", function)
    return {rank[2]: value for rank, value in best.values()}


def _members_of_module(module: types.ModuleType) -> Iterator[tuple[str, object]]:
    declared = getattr(module, "__all__", None)
    for name in sorted(declared if declared is not None else vars(module)):
        value = getattr(module, name, None)
        if name.startswith("_") or not (isinstance(value, type) or inspect.isroutine(value)):
            continue
        if declared is not None or module is builtins or getattr(value, "__module__", None) == module.__name__:
            yield name, value


def _members_of_class(owner: type) -> Iterator[tuple[str, object]]:
    for name, value in sorted(vars(owner).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, staticmethod | classmethod):
            yield name, value.__func__
        elif inspect.isroutine(value) or isinstance(value, property):
            yield name, value


def _entry(name: str, value: object) -> Entry | None:
    raw = vars(value).get("__doc__") if isinstance(value, type) else getattr(value, "__doc__", None)
    if not isinstance(raw, str):
        return None
    docstring = inspect.cleandoc(raw).strip()
    if len(docstring.split()) < MIN_WORDS or BOILERPLATE.match(docstring.partition("\n")[0]):
        return None
    return Entry(name, _signature(name, value), _ADDRESS.sub("", docstring))


def _signature(name: str, value: object) -> str:
    leaf = name.rpartition(".")[2]
    if isinstance(value, types.ModuleType):
        return f"module {name}"
    if not callable(value):
        return leaf
    try:
        found = inspect.signature(value)
    except Exception:  # no signature, or one whose text does not evaluate: some C modules raise AttributeError
        return leaf
    shown = [_shown_parameter(parameter) for parameter in found.parameters.values()]
    return leaf + _SELF.sub("(", str(found.replace(parameters=shown, return_annotation=inspect.Signature.empty)))


def _shown_parameter(parameter: inspect.Parameter) -> inspect.Parameter:
    """Without annotation, and with its default only where that is the same on every machine. `cgi.FieldStorage`, for
    one, has the whole process environment, secrets included, for a default."""
    parameter = parameter.replace(annotation=inspect.Parameter.empty)
    if parameter.default is inspect.Parameter.empty or _is_plain(parameter.default):
        return parameter
    return parameter.replace(default=_Elsewhere())


def _is_plain(value: object) -> bool:
    if isinstance(value, str | bytes):
        return len(value) <= LONGEST_DEFAULT and os.sep not in str(value)
    if type(value) is tuple:
        return all(_is_plain(item) for item in value)
    return value is None or type(value) in (bool, int, float)


class _Elsewhere:
    """Stands for a default that is not shown."""

    def __repr__(self) -> str:
        return "..."


def write(out: Callable[[str], object]) -> None:
    """Send every entry as one JSON line to `out`."""
    for entry in harvest():
        text = f"{entry.signature}\n\n{entry.docstring}"
        spoken = spoken_name(entry.name)
        record = {"_id": entry.name, "title": entry.name, "text": f"{text}\n\n{spoken}" if spoken else text}
        out(json.dumps(record, ensure_ascii=True) + "\n")
