"""docs/click-models.md: its programs run and print what the page says."""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import fields

import numpy as np
import pytest

from untilclick.search.click_models.by_name import CLICK_MODELS
from untilclick.search.click_models.dbn import DynamicBayesianNetwork
from untilclick.search.click_models.fitting.figures import ModelFigures
from untilclick.search.log.session_log import SessionLog

from tests.page_code import DOCS, code_blocks
from tests.search.clicked_sessions import N_PAIRS, clicked_sessions

PAGE = "click-models.md"


def printed(program: str) -> list[str]:
    """The lines that a program prints."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(program, PAGE, "exec"), {})
    return output.getvalue().splitlines()


def test_the_fit_of_a_log_finds_the_most_attractive_pair(tmp_path, monkeypatch):
    attractiveness = np.full(N_PAIRS, 0.2)
    attractiveness[9] = 0.9
    model = DynamicBayesianNetwork(tuple(attractiveness.tolist()), (0.5,) * N_PAIRS)
    monkeypatch.chdir(tmp_path)
    with SessionLog.open("untilclick.db") as log:
        log.append(clicked_sessions(model, 600))
    fit, _ = code_blocks(PAGE, "python")
    measures, pair = printed(fit)
    assert re.fullmatch(r"log-likelihood -0\.\d{3}, perplexity 1\.\d{3}", measures)
    assert pair == "most attractive: d9 for the query 'query 2'"


def test_the_simulated_users_model_prints_what_the_comments_say():
    _, program = code_blocks(PAGE, "python")
    assert printed(program) == re.findall(r"^# (.*)$", program, re.MULTILINE)


@pytest.mark.parametrize("name", [*CLICK_MODELS, *(field.name for field in fields(ModelFigures))])
def test_every_model_and_figure_is_on_the_page(name):
    assert f"`{name}`" in (DOCS / PAGE).read_text(encoding="utf-8")
