"""What was learned for queries, as people read it in a terminal: words, documents, and what a log holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from untilclick.app.terminal.terminal import Terminal, counted, escape, plain_table, share
from untilclick.rewriter.language.outside_words import LEAST_VISITORS
from untilclick.rewriter.readings import Reading, UsedReadings
from untilclick.rewriter.serving.explanation import DEPTH, MOST_WORDS, Explanation, ReadQuery
from untilclick.rewriter.serving.log_evidence import LogEvidence, TypedBy

MOST_CLICKS_SHOWN = 5
"""Number of clicked documents that are printed; those of a word are fewer."""
MOST_CLICKS_OF_WORD = 2

_READ_AS = {
    UsedReadings.WORDS: "words",
    UsedReadings.DOCUMENTS: "documents",
    UsedReadings.BOTH: "words and documents",
    UsedReadings.NONE: "typed",
}
_BOTH = {Reading.WORDS, Reading.DOCUMENTS}
_FOUND_BY = {Reading.WORDS: "words", Reading.DOCUMENTS: "meaning", Reading.PROMINENCE: "prominence"}
_KEY = (
    f"Of the words, the {MOST_WORDS} heaviest as shares of all that are added (-: not added); of the documents, the "
    f"ranks (-: not among the first {DEPTH}), and by what those among the first were found."
)
_VISITORS = "Visitors are counted by client ids; a session without one counts as a visitor of its own."


def show_explanations(
    terminal: Terminal, notes: Sequence[str], queries: Sequence[tuple[Explanation, LogEvidence | None]]
) -> None:
    """Print all queries one after the other, after the notes; with `--json` the notes alone."""
    for note in notes:
        terminal.line(f"[dim]{escape(note)}[/dim]")
    if terminal.as_json:
        return
    for explanation, evidence in queries:
        terminal.line()
        _show(terminal, explanation)
        if evidence is not None:
            terminal.line()
            for line in log_lines(evidence):
                terminal.line(escape(line), hang=4)
    terminal.line()
    terminal.line(f"[dim]{_KEY}[/dim]")
    if any(evidence is not None for _, evidence in queries):
        terminal.line(f"[dim]{_VISITORS}[/dim]")


def _show(terminal: Terminal, explanation: Explanation) -> None:
    terminal.line(f"[bold]{escape(explanation.query)}[/bold]")
    for line in reading_lines(explanation.read):
        terminal.line(escape(line), hang=4)
    for table in filter(None, (words_table(explanation), documents_table(explanation), raised_table(explanation))):
        terminal.line()
        terminal.table(table)


def reading_lines(read: Sequence[ReadQuery]) -> Iterator[str]:
    """How each rewriter reads the query; one line for all that read it alike."""
    lines: dict[str, list[str]] = {}
    for each in read:
        lines.setdefault(_reading(each), []).append(each.name)
    for line, names in lines.items():
        yield f"{' and '.join(names)}: {line}"


def _reading(read: ReadQuery) -> str:
    if not read.applied:
        return f"searched as typed ({read.reason.value})"
    line = f"read as {_READ_AS[read.used]}"
    if read.shares is not None:
        shares = read.shares.items()
        line += " (" + ", ".join(f"{part} {value:.0%}" for part, value in shares if value or part != "prior") + ")"
    if read.learned is not None:
        line += ", by what was learned" if read.learned else ", by the untrained rewriter"
    if read.correction is not None:
        line += f"; corrected to {read.correction!r}"
    if read.context:
        line += f"; words of earlier queries: {', '.join(read.context)}"
    return line


def words_table(explanation: Explanation) -> Table | None:
    """The added words with their weights by every rewriter; None without any."""
    if not explanation.words:
        return None
    names = [each.name for each in explanation.read]
    table = plain_table(["word added", *names])
    for added in explanation.words:
        table.add_row(escape(added.word), *(share(added.weights[name]) for name in names))
    return table


def documents_table(explanation: Explanation) -> Table | None:
    """The first documents of all rankings with their ranks, and which reading found them; None without any."""
    if not explanation.documents:
        return None
    names = [each.name for each in explanation.read]
    table = plain_table(["document", "typed", *names])
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    for name in names:
        table.add_column("by" if len(names) == 1 else f"by ({name})")
    for document in explanation.documents:
        ranks = [document.typed, *(document.ranks[name] for name in names)]
        found = [_found_by(document.found_by[name]) for name in names]
        table.add_row(_title(document.title), *map(_rank, ranks), *found)
    return table


def _found_by(readings: Sequence[Reading]) -> str:
    """`both` for a document that words and meaning found."""
    both = set(readings) >= _BOTH
    others = [_FOUND_BY[reading] for reading in readings if not (both and reading in _BOTH)]
    return ", ".join(["both"] * both + others)


def raised_table(explanation: Explanation) -> Table | None:
    """The documents that meaning raised most in the last ranking; None without any."""
    if not explanation.raised:
        return None
    table = plain_table([f"raised most by meaning ({explanation.read[-1].name})", "by words", "with meaning"])
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    for document in explanation.raised:
        table.add_row(_title(document.title), _rank(document.by_words), str(document.rank))
    return table


def log_lines(evidence: LogEvidence) -> Iterator[str]:
    """What the log holds of the query and of its words."""
    if evidence.query is None:
        yield f"In the log: fewer than {LEAST_VISITORS} visitors typed this query."
    else:
        yield f"In the log, this query: {_counts(evidence.query)}"
        yield from _clicks(evidence.query, MOST_CLICKS_SHOWN)
    for typed in evidence.words:
        yield f"In the log, {typed.word!r} in any query: {_counts(typed.typed_by)}"
        yield from _clicks(typed.typed_by, MOST_CLICKS_OF_WORD)
    if evidence.n_withheld:
        words = counted(evidence.n_withheld, "word of the query was", "words of the query were")
        yield f"In the log, {words} typed by fewer than {LEAST_VISITORS} visitors."


def _counts(typed: TypedBy) -> str:
    sessions = counted(typed.sessions, "session", "sessions")
    if typed.simulated:
        sessions += f" ({'all' if typed.simulated == typed.sessions else f'{typed.simulated:,}'} simulated)"
    return f"{sessions} of {counted(typed.visitors, 'visitor', 'visitors')}; {typed.abandoned:,} gave up."


def _clicks(typed: TypedBy, n: int) -> Iterator[str]:
    for click in typed.clicked[:n]:
        yield f"    {click.sessions:>6,} ended on {_one_line(click.title)}"


def _title(title: str) -> str:
    return escape(_one_line(title))


def _one_line(title: str) -> str:
    return " ".join(title.split())


def _rank(rank: int | None) -> str:
    return "-" if rank is None else str(rank)
