"""What the documents of the standard library cover, and that those of the first format are still there."""

from __future__ import annotations

import importlib
import inspect
import json
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

from untilclick.search.corpora import stdlib_docs
from untilclick.search.corpora.stdlib_docs import load_documents

COMMON_MODULES = (
    "builtins", "os", "os.path", "sys", "time", "datetime", "math", "json", "re", "random", "collections",
    "itertools", "functools", "pathlib", "shutil", "subprocess", "threading", "asyncio", "socket", "logging",
    "string", "io", "csv", "argparse", "tempfile", "hashlib", "sqlite3", "statistics", "decimal", "contextlib",
    "dataclasses", "enum", "copy", "pickle", "glob", "zipfile", "unittest", "typing", "urllib.parse",
    "urllib.request", "http.client", "struct", "queue", "heapq", "operator", "types", "traceback", "warnings",
    "inspect", "uuid", "secrets", "textwrap", "configparser", "gettext", "calendar", "email.message", "pdb",
    "multiprocessing", "concurrent.futures", "xml.etree.ElementTree", "weakref", "timeit", "cProfile", "ast",
)  # fmt: skip

FORMAT_1 = """
import contextlib, inspect, io, json, re, runpy, sys, warnings
harvest = runpy.run_path(sys.argv[1])
GENERATED = re.compile(r"Alias for field number|An enumeration\\.|Create and return a new object\\.|\\w+\\(.*\\)$")
best = {}

def offer(name, value):
    leaf = name.rpartition(".")[2]
    rank = (leaf != getattr(value, "__name__", leaf), len(name), name)
    if id(value) not in best or rank < best[id(value)][0]:
        best[id(value)] = (rank, value)

def members(owner):
    for name, value in vars(owner).items():
        if not name.startswith("_"):
            if isinstance(value, staticmethod | classmethod):
                yield name, value.__func__
            elif inspect.isroutine(value) or isinstance(value, property):
                yield name, value

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    for module in harvest["_modules"]():
        prefix = "os.path" if module.__name__ in ("posixpath", "ntpath") else module.__name__
        offer(prefix, module)
        for name, value in harvest["_members_of_module"](module):
            if isinstance(value, type) or inspect.isroutine(value):
                qualified = name if prefix == "builtins" else f"{prefix}.{name}"
                offer(qualified, value)
                for member, function in members(value) if isinstance(value, type) else ():
                    offer(f"{qualified}.{member}", function)
    texts = {}
    for (_, length, name), value in sorted(best.values(), key=lambda pair: pair[0][1:]):
        raw = vars(value).get("__doc__") if isinstance(value, type) else getattr(value, "__doc__", None)
        docstring = inspect.cleandoc(raw).strip() if isinstance(raw, str) else ""
        if len(docstring.split()) >= 6 and not GENERATED.match(docstring.partition("\\n")[0]):
            docstring = harvest["_ADDRESS"].sub("", docstring)
            text = f"{harvest['_signature'](name, value)}\\n\\n{docstring}"
            spoken = harvest["spoken_name"](name)
            text = f"{text}\\n\\n{spoken}" if spoken else text
            texts.setdefault((name.rpartition(".")[2], docstring), (name, text))
print(json.dumps(dict(texts.values())))
"""
"""The rule of format 1: docstrings of at least six words that do not begin with a line that is only a signature."""


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """Text by id of the corpus of the running interpreter."""
    return {document.doc_id: document.text for document in load_documents(tmp_path_factory.mktemp("cache"))}


def test_documents_of_format_1_keep_id_and_text(texts):
    script = Path(stdlib_docs.__file__).with_name("stdlib_harvest.py")
    environ = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    command = [sys.executable, "-P", "-W", "ignore", "-c", FORMAT_1, str(script)]
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    earlier = json.loads(done.stdout)
    assert len(earlier) > 3000
    assert {name: texts.get(name) for name in earlier} == earlier


def test_public_classes_and_functions_of_common_modules_have_a_document(texts):
    """The documents of `time.sleep`, `os.makedirs`, `KeyError` and 59 others of 598 names were once left out: their
    docstrings begin with a signature or are short. An alias such as `IOError` has the document of its object."""
    documented = {id(value) for name in texts if (value := _value(name)) is not None}
    names = [(name, value) for module in COMMON_MODULES for name, value in _public_objects(module)]
    missing = [name for name, value in names if name not in texts and id(value) not in documented]
    assert len(names) > 1500
    assert missing == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("time.sleep", "number of seconds"),
        ("os.makedirs", "create a leaf directory"),
        ("datetime.datetime", "year, month and day"),
        ("math.gcd", "Greatest Common Divisor"),
        ("KeyError", "Mapping key not found"),
        ("FileNotFoundError", "File not found"),
        ("dict.items", "set-like object providing a view"),
        ("list.append", "to the end of the list"),
        ("str.join", "any number of strings"),
        ("pathlib.Path.exists", "Whether this path exists"),
        ("collections.OrderedDict", "remembers insertion order"),
        ("os.path.join", "Join two or more pathname components"),
        ("threading.Thread.join", "Wait until the thread terminates"),
        ("asyncio.gather", "coroutines/futures"),
        ("socket.socket.connect", "Connect the socket to a remote address"),
        ("secrets.choice", "random element"),
        ("concurrent.futures.ThreadPoolExecutor", "max_workers"),
        ("multiprocessing.Process", "run in a separate process"),
        ("typing.Optional", "Union[X, None]"),
        ("queue", "multi-producer, multi-consumer"),
        ("zoneinfo", "available_timezones"),
        ("sqlite3.IntegrityError", "class sqlite3.IntegrityError(sqlite3.DatabaseError)"),
        ("for", "iterate over the elements of a sequence"),
        ("def", "function definition"),
        ("lambda", "anonymous functions"),
    ],
)
def test_what_visitors_ask_for_has_a_document_that_describes_it(texts, name, words):
    assert words in texts[name]


def test_a_known_signature_is_not_said_twice(texts):
    """The interpreter knows no signature of functions whose docstrings begin with one that it cannot read."""
    assert texts["sys.audit"].startswith("audit(event, *args)\n\nPasses the event")


def _public_objects(module_name):
    """Classes and functions of a module: those that it declares, or else those that are defined in it."""
    module = importlib.import_module(module_name)
    declared = getattr(module, "__all__", None)
    for name in declared or dir(module):
        value = getattr(module, name)
        if name.startswith("_") or not (isinstance(value, type) or inspect.isroutine(value)):
            continue
        if declared or module_name in ("builtins", value.__module__):
            yield (name if module_name == "builtins" else f"{module_name}.{name}"), value


def _value(name):
    """The object of a document; None for a statement, and for a module that cannot be imported again."""
    try:
        return (
            pydoc.locate(name) if name.partition(".")[0] in sys.modules else vars(sys.modules["builtins"]).get(name)
        )
    except (pydoc.ErrorDuringImport, ImportError):
        return None
