"""Click behaviour by name, and as the text of a site's own probabilities."""

import numpy as np
import pytest

from untilclick.app.settings.commands import CommandSettings
from untilclick.search.click_models.behaviour import GradeProbs, behaviour_text, read_behaviour
from untilclick.search.click_models.by_name import click_model
from untilclick.search.errors import UntilclickError
from untilclick.search.users.user import UserConfig

PROBS = GradeProbs((0.2, 0.95), (0.15, 0.9), 0.8)


def test_a_text_gives_the_probabilities_that_it_was_written_from():
    assert behaviour_text(PROBS) == "click 0.200 0.950, stop 0.150 0.900, go on 0.800"
    assert read_behaviour(behaviour_text(PROBS)) == PROBS
    assert read_behaviour("click .2 1, stop 0 .9") == GradeProbs((0.2, 1.0), (0.0, 0.9), 0.9)


@pytest.mark.parametrize(
    "text", ["", "idle", "click .2, stop .1", "click .2 .9 1, stop .1 .2", "click .2 1.9, stop .1 .2", "stop .1 .2"]
)
def test_another_text_is_refused_with_the_choices(text):
    with pytest.raises(UntilclickError, match="behaviour"):
        click_model("dbn", text, 1)


def test_users_click_with_the_probabilities_of_the_text_and_grades_between_are_interpolated():
    """Two ranks, grades 0 and 2: .2 on the first; the second is seen with .8 (1 - .2 x .15) and clicked with .95."""
    model = click_model("dbn", behaviour_text(PROBS), 2)
    np.testing.assert_allclose(model.click_prob(np.array([[0, 2]])), [[0.2, 0.8 * (1 - 0.2 * 0.15) * 0.95]])
    np.testing.assert_allclose(model.click_prob(np.array([[1]])), [[(0.2 + 0.95) / 2]])


def test_the_text_is_a_setting_like_the_names():
    text = behaviour_text(PROBS)
    settings = CommandSettings.of([f"user.behaviour={text}"], {}, None)
    assert settings.stage(UserConfig, "user").behaviour == text
    with pytest.raises(UntilclickError, match=r"'navigational'.*click 0\.2 0\.95"):
        CommandSettings.of(["user.behaviour=idle"], {}, None).stage(UserConfig, "user")
