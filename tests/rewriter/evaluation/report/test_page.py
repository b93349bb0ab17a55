"""The page is made from files and read as HTML."""

import dataclasses
import functools
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from untilclick.rewriter.evaluation.harm import Harm
from untilclick.rewriter.evaluation.report.curves import TrainingCurves
from untilclick.rewriter.evaluation.report.page import ReportConfig, main, make_page, render
from untilclick.rewriter.evaluation.report.plots import Curve
from untilclick.rewriter.evaluation.results import Asked, LayGroup, Results, SystemFigures, write_results
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.rewriter.evaluation.verdict import caution, spelling_alone, strongest_baseline, verdict
from untilclick.search.measures.metrics import MEASURES
from untilclick.search.text.encoders.encoder import EncoderCard

from tests.rewriter.evaluation.toy_results import results


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


def test_bm25_without_exact_titles_stands_apart_and_gets_no_star():
    """The row may tie with the best system, of which it is a part."""
    evaluation = results()
    best = max(system.means["nDCG@10"] for system in evaluation.figures.values())
    alone = dataclasses.replace(evaluation.figures["bm25"], means=dict.fromkeys(MEASURES, best))
    evaluation = dataclasses.replace(evaluation, figures={**evaluation.figures, "bm25_engine_order": alone})
    html = render(make_page(evaluation, TrainingCurves(), ReportConfig(Path())))
    rows = re.findall(r"<tr[^>]*>.*?</tr>", html, re.DOTALL)
    row = next(row for row in rows if "BM25 without exact titles" in row)
    assert row.startswith('<tr class="apart">')
    assert "best" not in row


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


def page(evaluated=None, training=None):
    return make_page(evaluated or results(), training or TrainingCurves(), ReportConfig(evaluation=None))


def test_the_same_results_give_the_same_bytes():
    assert render(shown()) == render(page())


def test_questions_in_peoples_words_are_a_column_of_the_systems():
    asked = Asked(75, {"bm25": 0.4, "ppo": 0.625}, ())
    html = render(page(dataclasses.replace(results(), asked=asked)))
    assert '<th scope="col">asked</th>' in html
    assert '<td class="value">0.625</td>' in html
    assert "share of 75 questions" in html
    assert "people's words" not in render(shown())


def test_training_topics_are_never_called_held_out():
    trained = dataclasses.replace(results(), split="train")
    assert "on 4 training topics" in verdict(trained, "ppo")
    html = render(page(trained))
    assert "Held out" not in html
    assert "too good" in html


def test_of_a_long_rewrite_only_the_heaviest_words_are_shown():
    row = results().topics[0]
    long = dataclasses.replace(row.outcomes["ppo"], terms=tuple((f"w{i}", 0.1) for i in range(10)))
    rows = (dataclasses.replace(row, outcomes={**row.outcomes, "ppo": long}),)
    html = render(page(dataclasses.replace(results(), topics=rows)))
    assert "w7" in html
    assert "w8" not in html
    assert "and 2 lighter ones" in html


def test_the_best_and_worst_rewrites_are_shown():
    assert [example.row.topic_id for example in shown().best] == ["t0"]
    assert [example.row.topic_id for example in shown().worst] == ["t1"]


def test_the_remarks_on_the_verdict_stand_below_it():
    few = dataclasses.replace(results(), n_topics=1)
    assert caution(few) in render(page(few))
    beyond = Comparison("ppo", "spelling", "nDCG@10", 0.0, (-0.1, 0.1), 0.3, 2, 2, 0.0, 4)
    helped = dataclasses.replace(results(spelling=0.4), comparisons=(*results().comparisons[:2], beyond))
    html = render(page(helped))
    assert strongest_baseline(helped, "ppo") in html
    assert spelling_alone(helped, "ppo") in html


def test_harm_and_the_training_data_of_the_encoder_stand_below_the_systems():
    card = EncoderCard("tiny <b>", 8, "f" * 64, "MIT", trained_on=("questions",))
    harm = (Harm("ppo", "bm25", 0.5, 0.25), Harm("bm25", "spelling", 0.0, 0.125), Harm("ppo", "spelling", 0.5, 0.1))
    html = render(page(dataclasses.replace(results(), harm=harm, encoder=card)))
    read(html)
    assert "tiny &lt;b&gt; was trained on questions." in html
    table = html.partition("Topics helped and harmed</h3>")[2].partition("</table>")[0]
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", table)]
    assert rows[1:] == [
        ["PPO", "50.0", "%", "25.0", "%", "50.0", "%", "10.0", "%"],
        ["BM25", "as", "typed", "–", "–", "0.0", "%", "12.5", "%"],
    ]
    assert "spelling correction is the strongest system that learned nothing" in table
    assert "Topics helped and harmed" not in render(shown())


def test_which_weights_were_kept_stands_below_the_curves():
    rounds = np.arange(1.0, 4.0)
    training = TrainingCurves((Curve("KL", rounds, rounds),), "The weights of round 2 were kept.")
    assert "The weights of round 2 were kept." in render(page(training=training))


def test_a_page_without_trained_system_sessions_or_curves_still_stands():
    figures = {"bm25": SystemFigures(dict.fromkeys(MEASURES, 0.3), n_empty=0)}
    reader = read(render(page(Results("toy", "dev", "toy", 7, 4, "0.1.0", figures, ()))))
    assert "svg" not in reader.tags
    assert "no trained rewriter was evaluated" in "".join(reader.text)


def test_queries_with_lay_words_have_a_table():
    comparison = Comparison("ppo", "bm25", "nDCG@10", 0.125, (0.05, 0.2), 0.0001, 60, 10, 0.1, 120, 30)
    group = LayGroup(120, 30, {"bm25": 0.2, "ppo": 0.325}, (comparison,))
    html = render(page(dataclasses.replace(results(), lay={"lay_known": group, "without": group})))
    text = " ".join(" ".join(read(html).text).split())
    assert "no lay word lay words of training users" in text
    assert "other lay words" not in text
    assert "PPO against BM25 as typed +0.125 [+0.050, +0.200], p < 0.001" in text
    assert "Queries with lay words" not in render(shown())
