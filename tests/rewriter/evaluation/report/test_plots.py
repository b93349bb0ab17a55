"""Plots are read as XML."""

import functools
import re
from xml.etree import ElementTree

import numpy as np

from untilclick.rewriter.evaluation.report.plots import (
    ClickedAt,
    Curve,
    Interval,
    clicked_at_bars,
    forest_plot,
    gain_bars,
    running_mean,
    training_curves,
)

GAINS = (0.6, -0.3, 0.0, 0.2)


def test_the_running_mean_matches_a_hand_computed_row():
    assert running_mean(np.array([1.0, 3.0, 5.0]), 2).tolist() == [1.0, 2.0, 4.0]
    assert running_mean(np.array([]), 2).tolist() == []


@functools.cache
def plots():
    steps = np.arange(5.0)
    return {
        "forest": forest_plot([Interval("a <b> vs c", 0.1, -0.1, 0.3)], "difference"),
        "gains": gain_bars(np.array(GAINS), "gain"),
        "many": gain_bars(np.linspace(-1, 1, 900), "gain"),
        "none": gain_bars(np.array([]), "gain"),
        "clicked": clicked_at_bars(ClickedAt("before", (5, 3, 2)), ClickedAt("after", (7, 1, 2))),
        "training": training_curves(
            [Curve("KL", steps, steps), Curve("Validation", steps[:1], steps[:1], sparse=True)]
        ),
    }


def test_plots_are_well_formed_with_text_as_text_and_the_colours_of_the_page():
    for name, svg in plots().items():
        root = ElementTree.fromstring(svg)
        texts = [node for node in root.iter() if node.tag.endswith("text")]
        assert texts, name
        assert "var(--" in svg
        assert not re.search(r"#0[1-7]0[1-7]0[1-7]", svg)
        assert "font-family" not in svg
        assert "<metadata" not in svg
        assert "<style" not in svg


def test_ids_of_two_plots_on_one_page_never_meet():
    ids = [set(re.findall(r'id="([^"]+)"', plots()[name])) for name in ("forest", "gains", "clicked", "training")]
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_plots_leave_matplotlib_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    gain_bars(np.array(GAINS), "gain")
    assert dict(matplotlib.rcParams) == before
