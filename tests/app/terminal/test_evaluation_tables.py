"""What the closing lines of an evaluation say."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from untilclick.app.terminal.evaluation_tables import (
    conclusion,
    differences_table,
    finding,
    harm_table,
    main_opponents,
    remarks,
    systems_table,
)
from untilclick.app.terminal.lay_tables import lay_table
from untilclick.rewriter.evaluation.harm import Harm
from untilclick.rewriter.evaluation.results import Asked, LayGroup, Results, SystemFigures
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.search.measures.metrics import MEASURES


def results(spelling: float) -> Results:
    means = {"bm25": 0.3, "spelling": spelling, "warm_start": 0.4, "ppo": 0.42, "oracle": 0.9}
    figures = {name: SystemFigures(dict.fromkeys(MEASURES, mean), n_empty=0) for name, mean in means.items()}
    comparisons = (
        Comparison("ppo", "bm25", "nDCG@10", 0.12, (0.02, 0.22), 0.01, 30, 10, 0.1, 50),
        Comparison("ppo", "warm_start", "nDCG@10", -0.0001, (-0.02, 0.04), 0.4, 12, 10, 0.1, 50),
        Comparison("ppo", "spelling", "nDCG@10", 0.01, (-0.02, 0.04), 0.4, 12, 10, 0.1, 50),
    )
    return Results("toy", "dev", "toy", 0, 50, "0.1.0", figures, comparisons)


GAIN = "nDCG@10 went from 0.300 to 0.420 on 50 held-out topics (p = 0.010)."


@pytest.mark.parametrize(
    ("spelling", "sentence", "remark"),
    [
        (0.29, f"Rewriting helps: {GAIN}", ""),
        (
            0.41,
            f"Rewriting helps, but not measurably more than spelling correction alone: {GAIN}",
            "On these documents the spelling correction inside the rewriter explains the gain",
        ),
    ],
)
def test_the_finding_names_a_remedy_that_does_as_much_without_training(spelling, sentence, remark):
    assert finding(results(spelling)) == sentence
    assert remarks(results(spelling)).startswith(remark)
    assert bool(remarks(results(spelling))) is bool(remark)


def test_the_conclusion_is_one_paragraph_with_its_limits():
    assert conclusion(replace(results(0.29), n_topics=6), "It [answers].") == (
        "[bold]On 6 held-out topics the trained rewriter (PPO) ranks better than the queries as typed: nDCG@10 0.420 "
        "instead of 0.300, where 1 is perfect (p = 0.010).[/bold] No rival without a trained rewriter ranks better "
        "than the queries as typed. Figures of 6 held-out topics say little: a fair test takes at least 50. "
        r"It \[answers]."
    )


def test_few_topics_are_remarked_on():
    assert remarks(replace(results(0.29), n_topics=6)).startswith("Figures of 6 held-out topics say little")


def test_topics_of_few_needs_are_counted_and_remarked_on():
    many = replace(results(0.29), n_topics=1201, n_needs=22)
    assert systems_table(many).title == "1,201 held-out topics of 22 needs (dev)"
    assert remarks(many).startswith(
        "Figures of 1,201 held-out topics of 22 needs say little: a fair test takes at least"
    )
    assert "on 50 held-out topics (p" in finding(replace(results(0.29), n_needs=50))


def test_the_differences_that_matter_have_a_line_each():
    assert main_opponents(results(0.29)) == ("bm25", "base", "warm_start")
    assert main_opponents(results(0.41)) == ("bm25", "spelling", "base", "warm_start")
    table = differences_table(results(0.41), main_opponents(results(0.41)))
    page = io.StringIO()
    Console(width=80, file=page).print(table)
    assert [" ".join(line.split()) for line in page.getvalue().splitlines()] == [
        "PPO against nDCG@10 95 % interval topics better worse",
        "BM25 as typed +0.120 +0.020 to +0.220 30 10",
        "spelling correction +0.010 -0.020 to +0.040 12 10",
        "warm start +0.000 -0.020 to +0.040 12 10",
        "The strongest baseline: spelling correction.",
    ]


def test_help_and_harm_stand_beside_each_other_for_each_rival():
    harm = (
        Harm("ppo", "bm25", 0.3, 0.1),
        Harm("bm25_encoder", "bm25", 0.25, 0.125),
        Harm("bm25", "bm25_encoder", 0.125, 0.25),
        Harm("ppo", "bm25_encoder", 0.2, 0.15),
    )
    page = io.StringIO()
    Console(width=80, file=page).print(harm_table(replace(results(0.4), harm=harm)))
    assert [" ".join(line.split()) for line in page.getvalue().splitlines()] == [
        "Topics helped / harmed, by more than 0.05 nDCG@10",
        "against BM25 as typed against BM25 + encoder",
        "BM25 as typed - 12.5 % / 25.0 %",
        "BM25 + encoder 25.0 % / 12.5 % -",
        "PPO 30.0 % / 10.0 % 20.0 % / 15.0 %",
        "BM25 + encoder is the strongest untrained system.",
    ]
    alone = harm_table(replace(results(0.4), harm=harm[:1]))
    assert [column.header for column in alone.columns] == ["", "against BM25 as typed"]
    assert alone.caption is None


def test_results_that_did_not_count_harm_have_no_table_of_it():
    assert harm_table(results(0.4)) is None


def test_without_comparisons_there_is_no_table_of_differences():
    assert differences_table(replace(results(0.4), comparisons=())) is None


def test_the_best_system_is_bold_but_never_the_oracle():
    page = io.StringIO()
    Console(width=80, file=page, force_terminal=True, color_system="standard").print(systems_table(results(0.4)))
    rows = {line.split("  ")[0]: line for line in page.getvalue().splitlines()}
    assert "50 held-out topics (dev)" in page.getvalue()
    assert "\x1b[1m0.420\x1b[0m" in rows["PPO"]
    assert "\x1b[1m" not in rows["oracle (knows the answer)"]


def test_questions_in_peoples_words_have_a_column():
    asked = Asked(75, {"bm25": 0.4, "ppo": 0.6}, ())
    table = systems_table(replace(results(0.31), asked=asked))
    (column,) = [each for each in table.columns if each.header == "asked"]
    assert set(column.cells) == {"40.0 %", "60.0 %", "-"}
    assert table.caption == "asked: share of 75 questions in people's words with an answer among the first five."


def test_the_caption_compares_the_best_trained_system_with_bm25():
    gain = Comparison("ppo", "bm25", "Success@5", 0.2, (0.1, 0.3), 0.002, 17, 2, 0.0, 75)
    asked = Asked(75, {"bm25": 0.4, "ppo": 0.6}, (gain,))
    assert systems_table(replace(results(0.31), asked=asked)).caption.endswith(
        "first five; PPO +20 points (p = 0.002)."
    )


def test_queries_with_lay_words_have_a_table_of_systems_and_differences():
    group = LayGroup(120, 30, {"bm25": 0.2, "base": 0.3, "new system": 0.25}, ())
    known = replace(
        group, comparisons=(Comparison("base", "bm25", "nDCG@10", 0.1, (0.05, 0.15), 0.0001, 60, 10, 0.1, 120, 30),)
    )
    table = lay_table(replace(results(0.4), lay={"lay_known": known, "lay_new": replace(group, n_needs=12)}))
    console = Console(file=io.StringIO(), width=150)
    console.print(table)
    lines = [line.split("  ") for line in console.file.getvalue().splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert ["lay words of training users", "other lay words"] in cells
    assert ["queries (needs)", "120 (30)", "120 (12)"] in cells
    assert ["base, no sessions", "0.300", "0.300"] in cells
    assert ["new system", "0.250", "0.250"] in cells
    assert ["base, no sessions - BM25 as typed", "+0.100 (p < 0.001)", "-"] in cells
    assert "fewest are 12 needs" in table.caption
    assert lay_table(results(0.4)) is None
