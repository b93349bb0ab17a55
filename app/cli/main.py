"""The command `untilclick`: its commands by name, and how every one of them ends.

What the user got wrong ends with status 2 and one sentence, Ctrl-C with 130 and one sentence; only mistakes of the
program leave a traceback. The commands are in the other modules of this room, and import what they need when they
run.
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
from typer.core import TyperGroup

from untilclick.app.cli import demo, evaluate, index, log, renew, serve, simulate, train
from untilclick.search.errors import MissingDependencyError, UntilclickError

EXTRAS = {
    "train": (
        "codespell_lib", "gymnasium", "ir_measures", "jinja2", "matplotlib", "safetensors", "tensorboard",
        "tokenizers", "torch", "transformers",
    ),
    "ir-datasets": ("ir_datasets",),
    "opensearch": ("opensearchpy",),
    "postgres": ("psycopg",),
}  # fmt: skip
"""Extra -> the modules it brings."""

_MENDABLE = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError)
"""Errors of files that the user can mend; a missing file of the package is not among them."""

INTERRUPTED = "Stopped. The same command goes on or starts over; nothing is half-written."


class UntilclickGroup(TyperGroup):
    """The top of the command tree, where errors become sentences."""

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
            if not isinstance(error, _MENDABLE) and error.errno != errno.ENOSPC:
                raise
            _complain(f"{error.filename or 'A file'}: {error.strerror}. Choose another place or make room")
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            _complain(INTERRUPTED)
            raise typer.Exit(130) from None


def _complain(sentence: str) -> None:
    """On stderr; a terminal gets it broken between words."""
    text = f"untilclick: {sentence}"
    if sys.stderr.isatty():
        from rich.text import Text

        from untilclick.app.terminal.line_breaks import wrap

        text = "\n".join(line.plain for line in wrap(Text(text), shutil.get_terminal_size().columns))
    typer.echo(text, err=True)


def _missing(error: ModuleNotFoundError) -> MissingDependencyError | None:
    """The sentence for a module that an extra brings; None for any other."""
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


def _say_version(wanted: bool) -> None:
    if wanted:
        from untilclick.search.version import program_version

        typer.echo(f"untilclick {program_version()}")
        raise typer.Exit


@app.callback()
def untilclick(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say on stderr what happens inside.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Learn from search sessions to rephrase what was typed into what was meant, and serve it in front of BM25."""
    del version  # its callback has ended the program
    _set_up_logging(verbose)


def _set_up_logging(verbose: bool) -> None:
    from rich.console import Console
    from rich.logging import RichHandler

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
renew.register(app)
log.register(app)


def _let_paragraphs_flow(commands: typer.Typer) -> None:
    """Typer joins the lines of a docstring's first paragraph alone; the others, too, break where a terminal ends."""
    for command in commands.registered_commands:
        paragraphs = inspect.cleandoc(command.help or getattr(command.callback, "__doc__", None) or "").split("\n\n")
        command.help = "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)
    for group in commands.registered_groups:
        if group.typer_instance is not None:
            _let_paragraphs_flow(group.typer_instance)


_let_paragraphs_flow(app)


def main() -> None:
    """The entry point: warnings of libraries are for developers and stay off unless Python is told otherwise.

    A terminal that cannot show a sign gets a question mark instead.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    app()
