"""The page is made from files of the toy corpus and read as HTML; plots are checked as XML."""

import dataclasses
import functools
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from untilclick.rewriter.evaluation.evaluate import COMPARED
from untilclick.rewriter.evaluation.report.curves import read_curves, read_training
from untilclick.rewriter.evaluation.report.page import (
    FEW_TOPICS,
    RIVALS,
    SYSTEM_NOTES,
    ReportConfig,
    caution,
    examples_of,
    headline_cards,
    kind_of_topics,
    main,
    make_page,
    render,
    spelling_alone,
    strongest_rival,
    subject_of,
    verdict,
)
from untilclick.rewriter.evaluation.report.plots import (
    Curve,
    Interval,
    clicked_at_bars,
    forest_plot,
    gain_bars,
    running_mean,
    training_curves,
)
from untilclick.rewriter.evaluation.results import (
    ORACLE,
    SYSTEM_TITLES,
    Results,
    SystemFigures,
    TopicOutcome,
    TopicRow,
    write_results,
)
from untilclick.rewriter.evaluation.session_measures import FIRST_QUERY_CLICK, SessionResults
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.rewriter.serving.blend import COLD_START
from untilclick.rewriter.stages.record import StageRecord
from untilclick.search.errors import DataError
from untilclick.search.log.stats import SessionFigures
from untilclick.search.measures.metrics import MEASURES

NASTY = '<script>alert("x")</script> & co'
GAINS = (0.6, -0.3, 0.0, 0.2)


def outcome(value, **rewrite):
    return TopicOutcome(dict.fromkeys(MEASURES, value), ("a.long.title", NASTY), (True, False), **rewrite)


def results(p=0.01, difference=0.125, spelling=0.2):
    rows = tuple(
        TopicRow(
            f"t{i}", f"need {i}", f"typed {i}" if i else NASTY,
            {
                "bm25": outcome(0.3),
                "ppo": outcome(0.3 + gain, text=f"typed {i} more", terms=(("more", 0.75), ("words", 0.25)),
                               applied=i != 3, reason="applied"),
            },
        )
        for i, gain in enumerate(GAINS)
    )  # fmt: skip
    figures = {
        name: SystemFigures(dict.fromkeys(MEASURES, value), n_empty=1, answer_seconds=0.1)
        for name, value in (("bm25", 0.3), ("spelling", spelling), ("ppo", 0.425), ("oracle", 0.9))
    }
    sessions = SessionResults(
        4,
        {name: SessionFigures(10, 14, 8, share, 1.5, 0.2) for name, share in (("bm25", 0.5), ("ppo", 0.7))},
        (Comparison("ppo", "bm25", FIRST_QUERY_CLICK, 0.2, (0.1, 0.3), 0.02, 3, 1, 0.25, 4),),
        {"bm25": (5, 3, 2), "ppo": (7, 1, 2)},
    )
    comparisons = tuple(
        Comparison(a, b, measure, difference, (difference - 0.1, difference + 0.1), p, 2, 1, 0.25, 4)
        for a, b in (("ppo", "bm25"), ("ppo", "spelling"))
        for measure in ("nDCG@10", "R@100")
    )
    return Results("toy", "dev", "toy", 7, 4, "0.1.0", figures, comparisons, rows, sessions, {"seed": "7"})


class Reader(HTMLParser):
    """Collects tags and text, and checks that every element is closed."""

    VOID = frozenset({"meta", "link", "br", "img", "wbr", "path", "use", "hr"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.links, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


@pytest.fixture
def metrics(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rounds = [{"step": i, "reward_mean": 0.01 * i, "kl": 0.1, "unknown": 3.0} for i in range(1, 31)]
    rounds[9]["validation"] = 0.05
    path.write_text("".join(json.dumps(one) + "\n" for one in rounds))
    return path


def test_the_page_is_whole_and_loads_nothing_from_anywhere(tmp_path, metrics):
    write_results(tmp_path, results())
    path = main(ReportConfig(tmp_path, metrics=metrics, settings={"train seed": "3"}))
    assert path == tmp_path / "report.html"
    html = path.read_text(encoding="utf-8")
    reader = read(html)
    assert "script" not in reader.tags
    assert all(link.startswith("#") for link in reader.links)
    assert not re.search(r"url\((?!#)|@import", html)
    assert reader.tags.count("svg") == 4
    text = " ".join("".join(reader.text).split())
    assert "Rewriting helps: nDCG@10 went from 0.300 to 0.425 on 4 held-out topics (p = 0.010)." in text
    assert "train seed" in text
    assert "70.0 %" in text


def test_what_comes_from_data_is_escaped():
    html = render(shown())
    assert "<script>" not in html
    assert "&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt; &amp; co" in html


@functools.cache
def shown():
    return page()


def page(found=None, curves=()):
    return make_page(found or results(), curves, ReportConfig(evaluation=None))


def test_the_same_results_give_the_same_bytes():
    assert render(shown()) == render(page())


@pytest.mark.parametrize(
    ("p", "difference", "start"),
    [(0.01, 0.1, "Rewriting helps"), (0.01, -0.1, "Rewriting hurts"), (0.3, 0.1, "No difference could be shown")],
)
def test_the_verdict_says_no_more_than_the_test_allows(p, difference, start):
    assert verdict(results(p, difference), "ppo").startswith(start)


def test_training_topics_are_never_called_held_out():
    found = dataclasses.replace(results(), split="train")
    assert "on 4 training topics" in verdict(found, "ppo")
    html = render(page(found))
    assert "Held out" not in html
    assert "too good" in html


def test_of_a_long_rewrite_only_the_heaviest_words_are_shown():
    row = results().topics[0]
    long = dataclasses.replace(row.outcomes["ppo"], terms=tuple((f"w{i}", 0.1) for i in range(10)))
    found = dataclasses.replace(results(), topics=(dataclasses.replace(row, outcomes={**row.outcomes, "ppo": long}),))
    html = render(page(found))
    assert "w7" in html
    assert "w8" not in html
    assert "and 2 lighter ones" in html


def test_a_stronger_baseline_than_bm25_is_named_beside_the_verdict():
    assert strongest_rival(results(spelling=0.2), "ppo") == ""
    said = strongest_rival(results(spelling=0.4), "ppo")
    assert said.startswith("The strongest baseline is spelling correction with nDCG@10 0.400; PPO differs from it by")
    assert "by +0.125" in said


@pytest.mark.parametrize(
    ("p", "difference", "start"),
    [
        (0.01, 0.125, "Rewriting helps: "),
        (0.3, 0.002, "Rewriting helps, but not measurably more than spelling correction alone: "),
        (0.01, -0.05, "Rewriting helps less than spelling correction alone: "),
    ],
)
def test_a_gain_that_plain_spelling_correction_also_brings_is_not_called_the_rewriters_own(p, difference, start):
    """The headline once said no more than that rewriting helps, while correcting the spelling did as much."""
    found = results(spelling=0.4)
    against = Comparison(
        "ppo", "spelling", "nDCG@10", difference, (difference - 0.1, difference + 0.1), p, 2, 1, 0.0, 4
    )
    kept = tuple(one for one in found.comparisons if (one.b, one.measure) != ("spelling", "nDCG@10"))
    assert verdict(dataclasses.replace(found, comparisons=(*kept, against)), "ppo").startswith(start)


@pytest.mark.parametrize(("spelling", "p_beyond", "said"), [(0.4, 0.3, True), (0.4, 0.01, False), (0.2, 0.3, False)])
def test_the_spelling_correction_gets_the_credit_where_nothing_else_earned_it(spelling, p_beyond, said):
    found = results(spelling=spelling)
    beyond = Comparison("ppo", "spelling", "nDCG@10", 0.0, (-0.1, 0.1), p_beyond, 2, 2, 0.0, 4)
    kept = tuple(one for one in found.comparisons if (one.b, one.measure) != ("spelling", "nDCG@10"))
    found = dataclasses.replace(found, comparisons=(*kept, beyond))
    assert ("spelling correction inside the rewriter is what helps" in spelling_alone(found, "ppo")) is said
    assert ("is what helps" in render(page(found))) is said


def test_few_topics_are_said_to_say_little():
    few = dataclasses.replace(results(), n_topics=1)
    assert caution(few) == "Figures of 1 held-out topic say little: a fair test takes some fifty."
    assert caution(few) in render(page(few))
    assert caution(dataclasses.replace(few, n_topics=FEW_TOPICS)) == ""
    assert kind_of_topics(dataclasses.replace(few, n_topics=2, split="train")) == "training topics"


def test_a_baseline_learned_by_counting_is_a_rival_too():
    found = results()
    means = {"association": SystemFigures({**found.figures["ppo"].means, "nDCG@10": 0.45}, n_empty=0)}
    counted = dataclasses.replace(found, figures={**found.figures, **means})
    assert strongest_rival(counted, "ppo") == "The strongest baseline is word associations with nDCG@10 0.450."


def test_every_system_that_is_compared_has_a_title_and_a_note():
    compared = {name for pair in COMPARED for name in pair} | {ORACLE}
    assert SYSTEM_TITLES.keys() == compared
    assert SYSTEM_NOTES.keys() >= compared
    assert set(RIVALS) == compared - {ORACLE, "mean", "ppo", "offline", "warm_start", "base"}


def test_examples_are_rewritten_topics_only_best_and_worst_by_gain():
    examples = examples_of(results(), "ppo")
    assert [one.row.topic_id for one in examples] == ["t0", "t2", "t1"]  # t3 was not rewritten
    assert [one.row.topic_id for one in shown().best] == ["t0"]
    assert [one.row.topic_id for one in shown().worst] == ["t1"]


def test_cards_carry_interval_harm_and_the_share_clicked_at_once():
    cards = headline_cards(results(), "ppo")
    assert [card.value for card in cards] == ["+0.125", "+0.125", "25.0 %", "70.0 %"]
    assert "95 % interval +0.025 to +0.225" in cards[0].detail
    assert [card.tone for card in cards] == ["win", "win", "flat", "win"]


def test_a_page_without_trained_system_sessions_or_curves_still_stands():
    figures = {"bm25": SystemFigures(dict.fromkeys(MEASURES, 0.3), n_empty=0)}
    found = Results("toy", "dev", "toy", 7, 4, "0.1.0", figures, ())
    assert subject_of(found) is None
    reader = read(render(page(found)))
    assert "svg" not in reader.tags
    assert "no trained rewriter was evaluated" in "".join(reader.text)


def test_curves_are_read_in_order_and_unknown_keys_left_out(metrics):
    curves = read_curves(metrics)
    assert [curve.title for curve in curves] == [
        "Reward: gain over the original", "Validation nDCG@10", "KL to the reference (nats)",
    ]  # fmt: skip
    assert curves[0].values.shape == (30,)
    assert curves[1].sparse
    assert curves[1].steps.tolist() == [10]


@pytest.mark.parametrize(
    ("best_round", "corrections", "kept", "dashed"),
    [
        (
            25.0,
            True,
            "The weights of round 25, the best by validation, were kept.",
            "with its misspelt words corrected",
        ),
        (0.0, False, "The weights of the warm start, which no round improved on, were kept.", "the query as typed"),
    ],
)
def test_the_record_beside_the_metrics_says_which_round_was_kept_and_what_is_gained_on(
    tmp_path, metrics, best_round, corrections, kept, dashed
):
    run = tmp_path / "run"
    (run / "ppo.log").mkdir(parents=True)
    (run / "ppo").mkdir()
    path = metrics.rename(run / "ppo.log" / "metrics.jsonl")
    assert read_training(path)[1] == ""
    figures = {"best_round": best_round, "validation_ndcg_original": 0.04}
    blend = dataclasses.asdict(dataclasses.replace(COLD_START, corrections=corrections))
    record = StageRecord("ppo", {}, "toy", "abc", "toy", blend, figures, "0.1.0")
    (run / "ppo" / "stage.json").write_text(json.dumps(dataclasses.asdict(record)))
    curves, said = read_training(path)
    assert [curve.level for curve in curves] == [None, 0.04, None]
    assert said.startswith(kept)
    assert dashed in said
    assert "stroke-dasharray" in training_curves(curves)
    assert kept in render(make_page(results(), curves, ReportConfig(evaluation=None), said))


def test_a_cut_off_last_line_is_passed_over_and_a_broken_one_before_it_is_named(metrics, caplog):
    whole = metrics.read_text()
    metrics.write_text(whole + '{"step": 31, "rew')
    assert read_curves(metrics)[0].values.shape == (30,)
    assert "cut off" in caplog.text
    metrics.write_text("nonsense\n" + whole)
    with pytest.raises(DataError, match=r"metrics\.jsonl:1: is not a round"):
        read_curves(metrics)
    with pytest.raises(DataError, match="cannot be read"):
        read_curves(metrics.parent / "absent.jsonl")


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
        "clicked": clicked_at_bars((5, 3, 2), (7, 1, 2), ("before", "after")),
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
