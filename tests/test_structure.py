"""Rules that no linter checks: sizes, docstrings, annotations, names, and imports without side effects.

import-linter checks the direction of imports (`[tool.importlinter]` in pyproject.toml, run by `make check`).
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("search", "rewriter", "app")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_LOOP_LINES = 90
TRAINING_LOOPS = {"rewriter/training/ppo/trainer.py", "rewriter/trlx/trainer.py"}
"""Files whose functions may have MAX_LOOP_LINES, because a training loop is easier to read as a whole."""

HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "onnxruntime",
    "accelerate",
    "trlx",
    "deepspeed",
    "tensorboard",
    "matplotlib",
}
"""Packages that an installation for serving does not have, or must not load."""

LOOP = "untilclick.app.loop"
"""The package for training and evaluation, whose modules may import torch."""

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "tools"}
PRINTING_ALLOWED = "app/cli/"
EXECUTED_BY_ALEMBIC = "search/log/migrations/env.py"
"""Alembic executes this file during a migration; it cannot be imported."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("untilclick", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def _functions(path: Path):
    return [node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _public_definitions(tree: ast.Module):
    """Public functions and classes of a module, and public methods of its public classes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (each for each in node.body if isinstance(each, kinds) and not each.name.startswith("_"))


def _is_overload(node) -> bool:
    return any("overload" in ast.unparse(decorator) for decorator in getattr(node, "decorator_list", ()))


def test_files_have_at_most_500_lines():
    lines = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: n for name, n in lines.items() if n > MAX_FILE_LINES} == {}


def test_functions_have_at_most_60_lines_and_training_loops_90():
    too_long = {}
    for path in MODULES:
        limit = MAX_LOOP_LINES if _name(path) in TRAINING_LOOPS else MAX_FUNCTION_LINES
        for node in _functions(path):
            n = node.end_lineno - node.lineno + 1
            if n > limit:
                too_long[f"{_name(path)}:{node.name}"] = n
    assert too_long == {}


def test_every_module_class_and_public_function_has_a_docstring():
    missing = [_name(path) for path in MODULES if ast.get_docstring(_tree(path)) is None]
    for path in MODULES:
        bare = (node for node in _public_definitions(_tree(path)) if ast.get_docstring(node) is None)
        missing += [f"{_name(path)}:{node.name}" for node in bare if not _is_overload(node)]
    assert missing == []


def test_every_argument_and_result_is_annotated():
    missing = []
    for path in MODULES:
        for node in _functions(path):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments += [each for each in (node.args.vararg, node.args.kwarg) if each]
            bare = [each.arg for each in arguments if each.annotation is None and each.arg not in ("self", "cls")]
            if bare or (node.returns is None and node.name != "__init__"):
                missing.append(f"{_name(path)}:{node.name}({', '.join(bare)})")
    assert missing == []


def test_no_module_has_a_vague_name():
    assert [_name(path) for path in MODULES if path.stem in VAGUE_NAMES] == []


def test_every_folder_with_modules_is_a_package():
    folders = {path.parent for path in MODULES}
    assert [_name(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_only_the_command_line_prints():
    violations = [
        f"{_name(path)}:{node.lineno}"
        for path in MODULES
        if not _name(path).startswith(PRINTING_ALLOWED)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert violations == []


def test_no_except_is_bare():
    violations = [
        f"{_name(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert violations == []


POLICY_KINDS = {"TermLanguage", "SubwordLanguage", "TermModel", "SubwordModel", "TermVocabulary", "SubwordVocabulary"}
"""Classes that exist for both kinds of policy: over index terms and over subwords."""
KIND_LITERALS = {"kind": {"terms", "subwords"}, "decoding": {"tokens"}}
"""Attribute or variable -> its values that name a kind of policy."""
KIND_QUESTIONS = {"is_subword_stage", "is_term_model"}
"""Functions that return the kind of a policy."""
KIND_ROOMS = ("rewriter/language/", "rewriter/policy/", "rewriter/serving/bundle.py", "rewriter/serving/runtime.py")
"""Packages and modules that may distinguish the kinds; all others use `Language` and `RewriterModel`."""


def _names(node: ast.AST) -> set[str]:
    """Names of the variables and attributes in an expression."""
    inside = list(ast.walk(node))
    return {each.id for each in inside if isinstance(each, ast.Name)} | {
        each.attr for each in inside if isinstance(each, ast.Attribute)
    }


def _literals(node: ast.AST) -> set[object]:
    return {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}


def _names_a_kind(subject: ast.AST, values: ast.AST) -> bool:
    """True if comparing the subject with the values distinguishes kinds of policies."""
    literals = _literals(values)
    subjects = _names(subject)
    return "subwords" in literals or any(
        literals & kinds and any(attribute in name for name in subjects) for attribute, kinds in KIND_LITERALS.items()
    )


def _asks_for_a_kind(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        asks = called in ("isinstance", "issubclass") and any(_names(each) & POLICY_KINDS for each in node.args[1:])
        return asks or called in KIND_QUESTIONS
    if isinstance(node, ast.Compare):
        return bool(_names(node) & POLICY_KINDS) or _names_a_kind(node, node)
    if isinstance(node, ast.Match):
        patterns = [case.pattern for case in node.cases]
        return any(_names(each) & POLICY_KINDS or _names_a_kind(node.subject, each) for each in patterns)
    return False


def _kind_questions(tree: ast.Module) -> list[int]:
    """Lines that distinguish policies over index terms from policies over subwords."""
    return [node.lineno for node in ast.walk(tree) if _asks_for_a_kind(node)]


def test_only_the_packages_for_languages_and_policies_distinguish_the_kinds_of_policies():
    paths = [path for path in MODULES if not _name(path).startswith(KIND_ROOMS)]
    paths += (ROOT / "benchmarks").rglob("*.py")
    assert [f"{_name(path)}:{line}" for path in paths for line in _kind_questions(_tree(path))] == []


@pytest.mark.parametrize(
    ("code", "asks"),
    [
        ("isinstance(model.language, (str, SubwordLanguage))", True),
        ("issubclass(kind, models.TermModel)", True),
        ("type(words) is TermVocabulary", True),
        ("language.__class__ == SubwordLanguage", True),
        ("manifest.kind != 'terms'", True),
        ("language.kind in ('subwords', 'mean')", True),
        ("policy.decoding == 'tokens'", True),
        ("is_subword_stage(folder)", True),
        ("t5_folder.is_term_model(folder)", True),
        ("match model:\n case SubwordModel(): pass", True),
        ("match language.kind:\n case 'mean' | 'terms': pass", True),
        ("TermModel(policy, TermLanguage(vocabulary))", False),
        ("name in ('terms', 'text')", False),
        ("policy.decoding == 'autoregressive'", False),
        ("FORMATS[language.kind]", False),
        ("match name:\n case 'terms': pass", False),
    ],
)
def test_every_way_of_asking_for_the_kind_of_a_policy_is_noticed(code, asks):
    assert bool(_kind_questions(ast.parse(code))) == asks


RANKING = ("rewriter/serving/readings/", "app/versions/bounded_rewriter.py")
"""Modules that may read the weighted queries of a rewrite: those that search them, and the one that checks them."""


def test_rewrites_are_ranked_in_one_place():
    """A module that searched the words of a rewrite by itself would judge or show other lists than the service."""
    paths = [path for path in MODULES if not _name(path).startswith(RANKING)]
    violations = [
        f"{_name(path)}:{node.lineno}"
        for path in (*paths, *(ROOT / "benchmarks").rglob("*.py"))
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("blend", "replace") and _names(node.value) == {"rewrite"}
    ]
    assert violations == []


_IMPORT_ALL = """
import importlib, json, logging, sys, threading
from pathlib import Path
handlers = len(logging.getLogger().handlers)
result = {}
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except ImportError as error:
        if (error.name or "").split(".")[0] == "untilclick":
            raise
        result.setdefault("skipped", []).append(name)
result["heavy"] = sorted(set(json.loads(sys.argv[2])) & set(sys.modules))
# Libraries may start native threads, which are not listed here; our modules must not start any.
result["threads"] = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
result["files"] = sorted(str(path) for path in Path.cwd().rglob("*"))
result["handlers"] = len(logging.getLogger().handlers) - handlers
print(json.dumps(result))
"""


def _import_in_a_fresh_interpreter(names: list[str], folder: Path) -> dict[str, object]:
    """Import modules in an empty working folder; return the side effects: packages, threads, files and handlers."""
    lists = [json.dumps(each) for each in (names, sorted(HEAVY))]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-B", "-W", "ignore", "-c", _IMPORT_ALL, *lists]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, f"printed at import: {done.stdout}"
    return json.loads(done.stdout)


def _importable(prefix: str) -> list[str]:
    return [
        _dotted(path)
        for path in MODULES
        if _name(path).startswith(prefix) and _name(path) != EXECUTED_BY_ALEMBIC and path.stem != "__main__"
    ]


def test_importing_search_and_the_packages_that_serve_loads_no_heavy_package_and_has_no_side_effect(tmp_path):
    names = _importable("search/") + [name for name in _importable("app/") if not name.startswith(LOOP)]
    effects = _import_in_a_fresh_interpreter(names, tmp_path)
    skipped = effects.pop("skipped", [])
    assert effects == {"heavy": [], "threads": [], "files": [], "handlers": 0}
    optional = ("untilclick.search.engines.", "untilclick.app.observe.otel_tracing")
    assert [name for name in skipped if not name.startswith(optional)] == []


def test_importing_the_rewriter_and_its_training_has_no_side_effect(tmp_path):
    effects = _import_in_a_fresh_interpreter(_importable("rewriter/") + _importable("app/loop/"), tmp_path)
    assert (effects["threads"], effects["files"], effects["handlers"]) == ([], [], 0)


_OLD_NAME = re.compile(
    r"^\s*(?:from|import)\s+(?:app|rewriter|search)\b(?=[. ])"  # statements, also in strings and documents
    r"|[\"'`; ](?:from|import) (?:app|rewriter|search)(?:\.[a-z_]+)* import "
    r"|\bimport (?:app|rewriter|search)\."
    r"|[\"'`](?:app|rewriter|search)(?:\.[a-z_]+)*[.:](?P<last>[a-z_]+)"  # dotted names in quotes
    r"|-m (?:app|rewriter|search)\b",
    re.MULTILINE,
)
WITH_NAMES = (".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".j2")
NAMED_PLACES = ("app", "rewriter", "search", "tests", "benchmarks", "docs", "docker", ".ci")


def _files_with_names():
    for folder in NAMED_PLACES:
        yield from (path for path in (ROOT / folder).rglob("*") if path.suffix in WITH_NAMES)
    yield from (path for path in ROOT.glob("*") if path.suffix in WITH_NAMES or path.name == "Makefile")


def test_the_packages_are_imported_below_untilclick_only():
    """In a checkout `import app` works too, but loads every module a second time under another name."""
    modules = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}
    violations = [
        f"{_name(path)}: {match.group().strip()}"
        for path in _files_with_names()
        if path != Path(__file__)
        for match in _OLD_NAME.finditer(path.read_text(encoding="utf-8"))
        if match["last"] is None or match["last"] in modules
    ]
    assert violations == []
