"""Tables of fitted click models."""

from __future__ import annotations

import io

from rich.console import Console

from untilclick.app.terminal.click_tables import models_table, ranks_table
from untilclick.search.click_models.fitting.figures import ModelFigures

FIGURES = {
    "dbn": ModelFigures(-0.5, 1.25, 0.4, 0.6, (1.0, 0.5), {"continuation": 0.75}),
    "dcm": ModelFigures(-0.25, 1.5, 0.3, None, (1.0, 0.25), {"continuation": (0.9, 0.8)}),
}


def _lines(table, **options) -> list[str]:
    console = Console(file=io.StringIO(), width=100, **options)
    console.print(table)
    return console.file.getvalue().splitlines()


def test_a_model_has_a_row_with_dashes_for_what_it_lacks():
    rows = [line.split() for line in _lines(models_table(FIGURES))[-2:]]
    assert rows == [
        ["DBN", "-0.5000", "1.2500", "0.400", "0.600", "0.750"],
        ["DCM", "-0.2500", "1.5000", "0.300", "-", "-"],
    ]


def test_the_best_measures_are_bold():
    dbn, dcm = _lines(models_table(FIGURES), force_terminal=True, color_system="standard")[-2:]
    assert "\x1b[1m1.2500" in dbn
    assert "\x1b[1m-0.2500" in dcm
    assert dbn.count("\x1b[1m") == dcm.count("\x1b[1m") == 1


def test_measures_without_held_out_lists_are_dashes():
    unmeasured = {"cm": ModelFigures(None, None, 0.5, None, (1.0,), {})}
    assert _lines(models_table(unmeasured))[-1].split() == ["CM", "-", "-", "0.500", "-", "-"]


def test_a_rank_has_a_row_with_a_column_for_each_model():
    rows = [line.split() for line in _lines(ranks_table((0.5, 0.125), FIGURES))[-2:]]
    assert rows == [["1", "0.500", "1.000", "1.000"], ["2", "0.125", "0.500", "0.250"]]
