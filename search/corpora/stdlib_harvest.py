"""The documentation of the running Python: its public modules, classes, functions, methods and statements.

Every public class and function has a document, and so has an attribute with a docstring of its own. A method without
a docstring has none: it does what its base class says. The texts on statements are those of `help()`.

The harvest imports most of the standard library, which costs memory and has side effects. `stdlib_docs.py` therefore
runs it in a child process and caches the result. This module imports only the standard library, so that the child
runs this one file alone, and writes no file.
"""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import functools
import importlib
import inspect
import io
import itertools
import json
import keyword
import os
import pkgutil
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
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

LONGEST_DEFAULT = 40
"""Maximum length of a text that is shown as a default value; a longer one becomes dots."""

_GENERATED = re.compile(r"Alias for field number|An enumeration\.|Create and return a new object\.")
"""Matches docstrings that Python generates; they do not say what an object is for."""
_CALL = re.compile(r"\w+\(.*\)$")
_UNDERLINE = re.compile(r"^[*=]+\n", re.MULTILINE)
"""Matches a line that underlines a heading in a text of `help()`."""
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
"""Matches an address in memory, which differs in every process."""
_ATTRIBUTES = (property, functools.cached_property, types.GetSetDescriptorType, types.MemberDescriptorType)
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
    """The object's own docstring without indentation. A class, function or module without a docstring has a line of
    its kind and bases, and a class the docstring of its constructor or its base, if there is such a docstring."""

    @property
    def text(self) -> str:
        """Signature, docstring, and the words inside a CamelCase name.

        A docstring that begins with a signature replaces one that the interpreter does not know.
        """
        first, spoken = self.docstring.partition("\n")[0], spoken_name(self.name)
        is_signed = _CALL.match(first) and first.startswith(f"{self.signature}(")
        parts = (None if is_signed else self.signature, self.docstring, spoken)
        return "\n\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class _Named:
    """A public object under one of its names."""

    name: str
    value: object
    is_declared: bool = False
    """Whether it is a class or function that belongs to the interface of its module, or a module."""
    is_inherited: bool = False
    """Whether it is a member of a base without a public name: `connect` of `socket.socket` is `_socket.socket`'s."""

    @property
    def rank(self) -> tuple[bool, bool, int, str]:
        """The order of names of one object, best first: a name that ends in the object's own name, or else one that
        contains it, then a shorter name, then the alphabetically first."""
        leaf = self.name.rpartition(".")[2]
        object_name = str(getattr(self.value, "__name__", leaf))
        return (leaf != object_name, object_name.lower() not in leaf.lower(), len(self.name), self.name)


def harvest() -> list[DocEntry]:
    """All entries in alphabetical order of their names.

    The same interpreter gives the same entries if the hash seed is fixed, because some default values are sets.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        entries = [(named, _entry(named)) for named in _public_names(_modules())]
    distinct = _without_copies((named, entry) for named, entry in entries if entry is not None)
    by_name = _statements() | {entry.name: entry for entry in distinct}
    return sorted(by_name.values(), key=lambda entry: entry.name)


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


def _public_names(modules: Iterator[types.ModuleType]) -> list[_Named]:
    """The best name of every public object. Members of a class with an alias have a name of each kind."""
    best: dict[tuple[int, bool], _Named] = {}

    def offer(named: _Named) -> None:
        key = (id(named.value), named.is_inherited)
        if key not in best or named.rank < best[key].rank:
            best[key] = named

    for module in modules:
        prefix = "os.path" if module.__name__ in ("posixpath", "ntpath") else module.__name__
        offer(_Named(prefix, module, is_declared=True))
        is_interface = "." not in module.__name__ or hasattr(module, "__all__")
        for name, value in _members_of_module(module):
            qualified = name if prefix == "builtins" else f"{prefix}.{name}"
            offer(_Named(qualified, value, is_declared=is_interface))
            if isinstance(value, type):
                for member, function in _members_of_class(value):
                    offer(_Named(f"{qualified}.{member}", function))
                for member, function in _members_of_hidden_bases(value):
                    offer(_Named(f"{qualified}.{member}", function, is_inherited=True))
    return list(best.values())


def _members_of_module(module: types.ModuleType) -> Iterator[tuple[str, object]]:
    """Public classes, functions and other documented objects of a module: those of `__all__`, or those that are
    defined there."""
    declared = getattr(module, "__all__", None)
    for name in sorted(declared if declared is not None else vars(module)):
        value = getattr(module, name, None)
        if name.startswith("_") or isinstance(value, types.ModuleType) or not _has_documentation(value):
            continue
        if declared is not None or module is builtins or getattr(value, "__module__", None) == module.__name__:
            yield name, value


def _has_documentation(value: object) -> bool:
    """Whether an object is a class or function, or has another docstring than its class, such as `typing.Union`."""
    if isinstance(value, type) or inspect.isroutine(value):
        return True
    return getattr(value, "__doc__", None) != getattr(type(value), "__doc__", None)


def _members_of_class(owner: type) -> Iterator[tuple[str, object]]:
    """Public methods and documented attributes that the class itself defines."""
    for name, value in sorted(vars(owner).items()):
        if name.startswith("_"):
            continue
        if isinstance(value, staticmethod | classmethod):
            yield name, value.__func__
        elif inspect.isroutine(value) or isinstance(value, _ATTRIBUTES):
            yield name, value


def _members_of_hidden_bases(owner: type) -> Iterator[tuple[str, object]]:
    """What a class inherits from classes without a public name, and overrides nowhere."""
    overridden: set[str] = set()
    for base in owner.__mro__:
        if _is_hidden(base, owner):
            yield from ((name, value) for name, value in _members_of_class(base) if name not in overridden)
        overridden |= vars(base).keys()


def _is_hidden(base: type, owner: type) -> bool:
    """Whether a base is the half of its class in C, as `_io._IOBase` of `io.IOBase`, or belongs to a private module
    of a package that does not export it, as `pathlib._abc.PathBase`."""
    package, is_inner, _ = base.__module__.rpartition("._")
    if is_inner:
        return getattr(sys.modules.get(package), base.__name__, None) is not base
    is_half = base.__name__.lstrip("_") == owner.__name__
    return is_half and base is not owner and base.__module__.startswith("_")


def _without_copies(entries: Iterable[tuple[_Named, DocEntry]]) -> Iterator[DocEntry]:
    """The entries but for copies. Of entries with equal last name and docstring that with the shortest name stays.

    Functions of several modules are no copies (`random.choice`, `secrets.choice`), and inherited members stay beside
    those of a base that has a public name after all: `_socket.socket` is `socket.SocketType` too.
    """
    originals: dict[tuple[str, str, bool], str] = {}
    for named, entry in sorted(entries, key=lambda pair: (len(pair[0].name), pair[0].name)):
        module, _, leaf = named.name.rpartition(".")
        original = originals.setdefault((leaf, entry.docstring, named.is_inherited), entry.name)
        is_foreign = named.is_declared and module.partition(".")[0] != original.partition(".")[0]
        if original == named.name or is_foreign:
            yield entry


def _entry(named: _Named) -> DocEntry | None:
    """The entry of an object; None for an object without a docstring that no module declares."""
    docstring = _docstring(named.name, named.value)
    if docstring is None and named.is_declared:
        docstring = _outline(named.name, named.value)
    if docstring is None:
        return None
    return DocEntry(named.name, _signature(named.name, named.value), _ADDRESS.sub("", docstring))


def _docstring(name: str, value: object) -> str | None:
    """The own docstring of an object without indentation. None if it has none, or one that Python generated."""
    if isinstance(value, type) and "__doc__" not in vars(value):
        return None
    raw = getattr(value, "__doc__", None)
    if not isinstance(raw, str):
        return None
    docstring = inspect.cleandoc(raw).strip()
    is_record = dataclasses.is_dataclass(value) or (isinstance(value, type) and issubclass(value, tuple))
    is_generated = _GENERATED.match(docstring) or (is_record and _CALL.fullmatch(docstring))
    return docstring if docstring not in ("", name.rpartition(".")[2]) and not is_generated else None


def _outline(name: str, value: object) -> str | None:
    """What is known of an object without a docstring: the public names of a module, the kind of a function, and the
    bases of a class with the docstring of its constructor or of a base in the same package.

    None for a module that declares no names.
    """
    if isinstance(value, types.ModuleType):
        return ", ".join(each for each in getattr(value, "__all__", ()) if not each.startswith("_")) or None
    if not isinstance(value, type):
        return f"function {name}"
    bases = [_shown_class(base) for base in value.__bases__ if base is not object]
    shown = ", ".join(base for base in bases if not any(part.startswith("_") for part in base.split(".")))
    line = f"class {name}({shown})" if shown else f"class {name}"
    package = value.__module__.partition(".")[0]
    ancestors = [base for base in value.__mro__[1:] if base.__module__.partition(".")[0] == package != "builtins"]
    constructor = [vars(value)["__init__"]] if "__init__" in vars(value) else []
    docstrings = (_docstring("", each) for each in (*constructor, *ancestors))
    return "\n\n".join((line, *itertools.islice(filter(None, docstrings), 1)))


def _shown_class(value: type) -> str:
    return value.__qualname__ if value.__module__ == "builtins" else f"{value.__module__}.{value.__qualname__}"


def _statements() -> dict[str, DocEntry]:
    """The sections of the language reference that are named after a keyword, such as `for` and `lambda`, by keyword.

    Empty where the interpreter lacks the texts of `help()`.
    """
    try:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        return {}
    sections = {name: name for name in keyword.kwlist if name != "else"} | {"def": "function"}  # `else` is `if`
    texts = {name: _UNDERLINE.sub("", topics[label]).strip() for name, label in sections.items() if label in topics}
    return {name: DocEntry(name, name, text) for name, text in texts.items()}


def _signature(name: str, value: object) -> str:
    leaf = name.rpartition(".")[2]
    if isinstance(value, types.ModuleType):
        return f"module {name}"
    if not isinstance(value, type) and not inspect.isroutine(value):
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
        record = {"_id": entry.name, "title": entry.name, "text": entry.text}
        out(json.dumps(record, ensure_ascii=True) + "\n")
