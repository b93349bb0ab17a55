"""One progress over the parts of a step."""

from __future__ import annotations

import pytest

from untilclick.rewriter.data.show import Count, Part, Parts, steps

PLANNED = [Part("judging", 100), Part("folds", 500), Part("learning", 300), Part("check", 100)]


class Shown(list):
    """What was shown: (done, total, part)."""

    def __call__(self, done, total, part=""):
        self.append((done, total, part))


def test_the_parts_of_a_step_follow_each_other_in_one_progress():
    """Each part once counted its own units from 0, so that the progress of a proof began four times."""
    shown = Shown()
    parts = Parts(shown, PLANNED)
    with parts("judging") as update:
        update(1, 4)
        update(4, 4)
    with parts("folds") as update:
        update(1, 2)
    assert shown == [
        (0, 1000, "judging"),
        (25, 1000, "judging"),
        (100, 1000, "judging"),
        (100, 1000, "judging"),
        (100, 1000, "folds"),
        (350, 1000, "folds"),
        (600, 1000, "folds"),
    ]


def test_a_part_that_is_left_out_takes_its_work_from_the_total():
    """Its work does not count as done: it took no time, and the pace of the others would look better than it is."""
    shown = Shown()
    parts = Parts(shown, PLANNED)
    with parts("judging"):
        pass
    with parts("unplanned") as update:
        update(1, 2)
    with parts("learning"):
        pass
    parts.replan([Part("refit", 50)])
    with parts("refit"):
        pass
    assert [(done, total) for done, total, part in shown if part == "unplanned"] == [(100, 1000)] * 3
    assert [(done, total) for done, total, part in shown if part == "learning"] == [
        (100, 500),
        (400, 500),
        (400, 450),
    ]
    assert shown[-1] == (450, 450, "refit")


def test_a_part_of_unknown_length_moves_only_at_its_end():
    shown = Shown()
    with Parts(shown, PLANNED)("judging") as update:
        update(17, 0)
    assert shown == [(0, 1000, "judging"), (0, 1000, "judging"), (100, 1000, "judging")]


def test_units_are_counted_one_by_one():
    shown = Shown()
    count = Count(shown, 2, "choosing")
    count.advance()
    count.advance()
    assert shown == [(1, 2, "choosing"), (2, 2, "choosing")]


@pytest.mark.parametrize("part", ["", "choosing"])
def test_the_loss_of_a_training_is_not_shown(part):
    shown = Shown()
    steps(shown)(1, 2, 0.5, part)
    assert shown == [(1, 2, part)]
