"""Every system that is compared can be named to people."""

from untilclick.rewriter.evaluation.comparisons import COMPARED
from untilclick.rewriter.evaluation.system_names import (
    APART,
    BASELINES,
    ORACLE,
    SYSTEM_TITLES,
    TRAINED,
    note_of,
    title_of,
)


def test_every_system_that_is_compared_has_a_title_and_a_note():
    compared = {name for pair in COMPARED for name in pair} | {ORACLE}
    assert SYSTEM_TITLES.keys() == compared
    assert all(title_of(name) and note_of(name) for name in compared)
    assert set(BASELINES) == compared - {*APART, "base", "final", *TRAINED}


def test_an_unknown_system_keeps_its_name():
    assert (title_of("mine"), note_of("mine")) == ("mine", "")
