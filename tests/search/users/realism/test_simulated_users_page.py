"""docs/simulated-users.md: its code gives what it says, and its table has every statistic."""

from __future__ import annotations

from untilclick.search.users.realism.statistics import STATISTICS

from tests.page_code import DOCS, code_blocks

PAGE = "simulated-users.md"


def test_the_code_prints_what_its_comments_say(capsys):
    blocks = [block for block in code_blocks(PAGE, "python") if "read_behaviour" in block]
    assert len(blocks) == 1
    exec(compile(blocks[0], PAGE, "exec"), {})
    said = [line.removeprefix("# ") for line in blocks[0].splitlines() if line.startswith("# ")]
    assert capsys.readouterr().out.splitlines() == said


def test_every_statistic_of_the_table_is_explained():
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    named = {name.strip() for row in rows for name in row.split(",")}
    assert {statistic.label for statistic in STATISTICS} <= named
