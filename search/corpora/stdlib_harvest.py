"""The documentation of the running Python: its public modules, classes, functions and methods.

The harvest imports most of the standard library, which costs memory and has side effects. `stdlib_docs.py` therefore
runs it in a child process and caches the result. This module imports only the standard library and writes no file.
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
"""Top-level modules that are left out: they act on import, need a display, or were removed from newer Pythons."""

SKIPPED_PACKAGES = ("encodings", "ctypes.macholib", "multiprocessing.dummy", "unittest.__main__")
"""Packages whose submodules are left out: they hold tables or second names of other modules."""

BOILERPLATE = re.compile(r"Alias for field number|An enumeration\.|Create and return a new object\.|\w+\(.*\)$")
"""Matches docstrings that the interpreter generates; they do not describe what an object is for."""

MIN_WORDS = 6
"""Minimum length of a docstring in words; objects with a shorter one are left out."""

LONGEST_DEFAULT = 40
"""Maximum length of a text that is shown as a default value; a longer one becomes dots."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SELF = re.compile(r"^\((?:self|cls|\$self|\$module|\$type)(?:, /)?(?:, )?")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True, slots=True)
class DocEntry:
    """A documented object under its public name."""

    name: str
    """Dotted name, without `builtins.`."""
    signature: str
    """Such as `rmtree(path, ignore_errors=False)`; only the last name if the interpreter knows no signature."""
    docstring: str
    """The object's own docstring without indentation, never an inherited one."""


def harvest() -> list[DocEntry]:
    """All entries in alphabetical order of their names.

    The same interpreter gives the same entries if the hash seed is fixed, because some default values are sets.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        names = _public_names(_modules())
        entries = [_entry(name, value) for name, value in names.items()]
    # Of entries with equal last name and docstring the shortest name stays: the others are copies of the object.
    distinct: dict[tuple[str, str], DocEntry] = {}
    for entry in sorted(filter(None, entries), key=lambda entry: (len(entry.name), entry.name)):
        distinct.setdefault((entry.name.rpartition(".")[2], entry.docstring), entry)
    return sorted(distinct.values(), key=lambda entry: entry.name)


def spoken_name(name: str) -> str:
    """The words inside a CamelCase name, such as `Thread Pool Executor`; empty if no part has several words."""
    parts = [_CAMEL.findall(part) for part in re.split(r"[._]", name)]
    return " ".join(word for words in parts if len(words) > 1 for word in words)


def _modules() -> Iterator[types.ModuleType]:
    """All public modules of the standard library that are not left out."""
    for name in sorted(sys.stdlib_module_names):
        if not name.startswith("_") and name not in SKIPPED_MODULES:
            yield from _with_submodules(name)


def _with_submodules(name: str) -> Iterator[types.ModuleType]:
    """The module and its public submodules. Modules that this platform cannot import are skipped."""
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit):
        return
    yield module
    if name == "os":
        yield module.path
    if name in SKIPPED_PACKAGES:
        return
    for inner in sorted(info.name for info in pkgutil.iter_modules(getattr(module, "__path__", ()))):
        qualified = f"{name}.{inner}"
        if not inner.startswith("_") and inner not in ("test", "tests") and qualified not in SKIPPED_PACKAGES:
            yield from _with_submodules(qualified)


def _public_names(modules: Iterator[types.ModuleType]) -> dict[str, object]:
    """Public name -> object, with one name per object.

    A name that ends in the object's own name is preferred, then a shorter name, then the alphabetically first.
    """
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
    """Public classes and functions of a module: those of `__all__`, or those that are defined there."""
    declared = getattr(module, "__all__", None)
    for name in sorted(declared if declared is not None else vars(module)):
        value = getattr(module, name, None)
        if name.startswith("_") or not (isinstance(value, type) or inspect.isroutine(value)):
            continue
        if declared is not None or module is builtins or getattr(value, "__module__", None) == module.__name__:
            yield name, value


def _members_of_class(owner: type) -> Iterator[tuple[str, object]]:
    """Public methods and properties that the class itself defines."""
    for name, value in sorted(vars(owner).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, staticmethod | classmethod):
            yield name, value.__func__
        elif inspect.isroutine(value) or isinstance(value, property):
            yield name, value


def _entry(name: str, value: object) -> DocEntry | None:
    """The entry of an object; None without a docstring that is long enough and not generated."""
    raw = vars(value).get("__doc__") if isinstance(value, type) else getattr(value, "__doc__", None)
    if not isinstance(raw, str):
        return None
    docstring = inspect.cleandoc(raw).strip()
    if len(docstring.split()) < MIN_WORDS or BOILERPLATE.match(docstring.partition("\n")[0]):
        return None
    return DocEntry(name, _signature(name, value), _ADDRESS.sub("", docstring))


def _signature(name: str, value: object) -> str:
    leaf = name.rpartition(".")[2]
    if isinstance(value, types.ModuleType):
        return f"module {name}"
    if not callable(value):
        return leaf
    try:
        signature = inspect.signature(value)
    except Exception:  # no signature, or one whose text does not evaluate: some C modules raise AttributeError
        return leaf
    parameters = [_shown_parameter(parameter) for parameter in signature.parameters.values()]
    plain = signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return leaf + _SELF.sub("(", str(plain))


def _shown_parameter(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter without annotation, and with dots for a default that may differ from machine to machine.

    The default of a parameter of `cgi.FieldStorage`, for example, is the whole environment with its secrets.
    """
    parameter = parameter.replace(annotation=inspect.Parameter.empty)
    if parameter.default is inspect.Parameter.empty or _is_plain(parameter.default):
        return parameter
    return parameter.replace(default=_Dots())


def _is_plain(value: object) -> bool:
    """Whether a default is a short text without a path, a number, None, or a tuple of such values."""
    if isinstance(value, str | bytes):
        return len(value) <= LONGEST_DEFAULT and os.sep not in str(value)
    if type(value) is tuple:
        return all(_is_plain(item) for item in value)
    return value is None or type(value) in (bool, int, float)


class _Dots:
    """Replaces a default that is not shown."""

    def __repr__(self) -> str:
        return "..."


def write(out: Callable[[str], object]) -> None:
    """Pass every entry to `out` as a line of JSON."""
    for entry in harvest():
        text = f"{entry.signature}\n\n{entry.docstring}"
        spoken = spoken_name(entry.name)
        record = {"_id": entry.name, "title": entry.name, "text": f"{text}\n\n{spoken}" if spoken else text}
        out(json.dumps(record, ensure_ascii=True) + "\n")
