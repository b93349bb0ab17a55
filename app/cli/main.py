"""The command `untilclick`: its tree of commands, and how every command ends.

A mistake of the user ends with status 2 and one sentence, Ctrl-C with status 130 and one sentence; only a fault of
the program ends with a traceback.
"""

from __future__ import annotations

import errno
import inspect
import io
import logging
import os
import shutil
import sys
import warnings
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text
from typer.core import TyperGroup

from untilclick.app.cli import changes, demo, evaluate, explain, index, log, renew, search, serve, simulate, train
from untilclick.app.terminal.line_breaks import wrap
from untilclick.search.errors import MissingDependencyError, UntilclickError
from untilclick.search.version import program_version

EXTRAS = {
    "train": (
        "codespell_lib", "gymnasium", "ir_measures", "jinja2", "matplotlib", "safetensors", "tensorboard",
        "tokenizers", "torch", "transformers",
    ),
    "ir-datasets": ("ir_datasets",),
    "opensearch": ("opensearchpy",),
    "postgres": ("psycopg",),
}  # fmt: skip
"""Extra of the package -> the modules that it installs."""

COMMANDS = (
    "demo", "simulate", "train", "evaluate", "export", "index", "serve", "search", "explain", "changes", "renew",
    "log",
)  # fmt: skip
"""The commands in the order of their work, for `--help`."""

_FILE_ERRORS = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
"""Errors that a user causes with a path. FileNotFoundError is left out: a missing file of the package raises it
too."""

INTERRUPTED = "Stopped. The same command continues or starts over; no file is left half-written."


class UntilclickGroup(TyperGroup):
    """The top of the command tree, where errors become sentences."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  (the parser's context class is private)
        """The names of the commands, in the order of COMMANDS."""
        return sorted(super().list_commands(ctx), key=COMMANDS.index)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  (the parser's context class is private)
        """Run a command."""
        try:
            return super().invoke(ctx)
        except UntilclickError as error:
            _complain(str(error))
            raise typer.Exit(2) from None
        except ModuleNotFoundError as error:
            missing = _missing(error)
            if missing is None:
                raise
            _complain(str(missing))
            raise typer.Exit(2) from None
        except OSError as error:
            if not isinstance(error, _FILE_ERRORS) and error.errno != errno.ENOSPC:
                raise
            _complain(f"{error.filename or 'A file'}: {error.strerror}. Choose another path, or free some space")
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            _complain(INTERRUPTED)
            raise typer.Exit(130) from None


def _complain(sentence: str) -> None:
    """Print an error on stderr; in a terminal, lines break between words."""
    text = f"untilclick: {sentence}"
    if sys.stderr.isatty():
        text = "\n".join(line.plain for line in wrap(Text(text), shutil.get_terminal_size().columns))
    typer.echo(text, err=True)


def _missing(error: ModuleNotFoundError) -> MissingDependencyError | None:
    """The error that names the extra of a missing module; None for a module of no extra."""
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in EXTRAS.items() if module in modules), None)
    return MissingDependencyError.of(module, extra) if extra else None


app = typer.Typer(
    name="untilclick",
    cls=UntilclickGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog="Example: [b]untilclick demo[/b] shows the whole loop on Python's own documentation.",
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"untilclick {program_version()}")
        raise typer.Exit


@app.callback()
def untilclick(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log the program's actions to stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Train a query rewriter on search sessions, and serve it in front of BM25."""
    del version  # the option's callback has printed it and ended the program
    _set_up_logging(verbose)


def _set_up_logging(verbose: bool) -> None:
    handler = RichHandler(console=Console(stderr=True), show_path=False, log_time_format="%H:%M:%S")
    logging.basicConfig(format="%(message)s", handlers=[handler], level=logging.INFO if verbose else logging.WARNING)
    if not verbose:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


demo.register(app)
simulate.register(app)
train.register(app)
evaluate.register(app)
index.register(app)
serve.register(app)
search.register(app)
explain.register(app)
changes.register(app)
renew.register(app)
log.register(app)


def _let_paragraphs_flow(commands: typer.Typer) -> None:
    """Join the lines of each paragraph in the help texts, so that a terminal breaks them at its own width. Typer
    joins the lines of the first paragraph only."""
    for command in commands.registered_commands:
        paragraphs = inspect.cleandoc(command.help or getattr(command.callback, "__doc__", None) or "").split("\n\n")
        command.help = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _let_paragraphs_flow(group.typer_instance)


_let_paragraphs_flow(app)


def main() -> None:
    """The entry point of the command.

    Warnings of libraries are for developers: they are shown only if Python's own option or variable asks for them. A
    character that the terminal's encoding lacks is printed as a question mark.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    app()
