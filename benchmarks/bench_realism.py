"""Whether simulated users search as people do: TREC Session 2013, and Sim4IA for what it tells.

    python -m benchmarks.bench_realism --data FOLDER [--sim4ia FOLDER] [--splits N] [--sessions N] [--fit-sessions N]
                                       [--json FILE] [--plot FILE]

FOLDER holds `corpus.jsonl[.gz]` and `sessions.jsonl`. Simulated users want known items made from the documents;
neither judgments nor queries of the collection are read. Their habits are fitted to the sessions of one half of the
topics, and compared with those of the other half. Sessions without a topic are in neither half: they are 46 single
queries, each with a click, some of them on subjects of the topics. The default shares of reformulations were measured
on all these sessions, so the fit begins with equal shares instead.

Beside the simulated values stands that of the other half of the real sessions, which shows what an interval of so few
sessions is worth. Sim4IA has no topics (halves are drawn by session), no texts, and another engine.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from untilclick.app.loop.simulating.realism_plot import check_plot_path, draw_realism
from untilclick.search.corpora.beir import read_corpus
from untilclick.search.corpora.load import corpus_of
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.engines import open_engine
from untilclick.search.records import Corpus, Session
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.describing import Descriptions
from untilclick.search.users.need import NeedReader
from untilclick.search.users.realism.comparing import Comparison, RealLog, compare, halves
from untilclick.search.users.realism.fitting import FitInput, FittedUsers, fit_users
from untilclick.search.users.realism.statistics import STATISTICS, Texts
from untilclick.search.users.reformulation import ReformulationShares
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig
from untilclick.search.users.vocabulary.lay_words import lay_vocabulary

from benchmarks.real_sessions import RealSessions, sim4ia_sessions, trec_sessions

EQUAL_SHARES = ReformulationShares(add=1.0, drop=1.0, substitute=1.0, specialise=1.0, generalise=1.0, new=1.0)
"""Every kind of reformulation as often as the others."""


class Site:
    """The documents of a collection with an engine, and the users who search it."""

    def __init__(self, corpus: Corpus) -> None:
        self.index = TermIndex.build(corpus)
        analysis = self.index.analysis
        topics = topics_from_documents(corpus.documents, seed=0, analysis=analysis)
        self._topics = [topic for split in topics.values() for topic in split]
        self._engine = open_engine("tantivy", corpus, None, analysis)
        self._reader = NeedReader(self.index)
        self._vocabulary = lay_vocabulary(self.index, corpus)
        self._descriptions = Descriptions(corpus.documents, analysis)

    def simulate(self, config: UserConfig, n: int, seed: int) -> list[Session]:
        """Whole sessions of users with these habits."""
        user = SimulatedUser(config, self._reader, vocabulary=self._vocabulary, descriptions=self._descriptions)
        return list(simulate_sessions(self._topics, self._engine, user, n, seed))


@dataclass(frozen=True)
class Outcome:
    """One split of one log into halves."""

    data: str
    split: int
    n_calibration: int
    """Sessions that the users were fitted to."""
    fitted: FittedUsers
    comparisons: Mapping[str, Comparison]
    """`defaults`, `fitted` and `other half` beside the sessions of the comparison half. The other half is cut as the
    log is, and not once more."""
    seconds: float
    """CPU time of the fit."""


def outcome_of(data: str, real: RealSessions, site: Site, split: int, options: argparse.Namespace) -> Outcome:
    """Fit users to one half of the topics, and compare them with the other."""
    texts, topic_of = Texts(site.index), real.topic_of or {each.session_id: each.session_id for each in real.sessions}
    first, second = halves(topic_of, real.sessions, split)
    calibration = [session for session in first if session.session_id in topic_of]
    began = time.process_time()
    fit = FitInput(
        calibration,
        texts,
        partial(site.simulate, n=options.fit_sessions, seed=split),
        replace(UserConfig(), shares=EQUAL_SHARES),
        real.censoring,
    )
    fitted = fit_users(fit)
    seconds = time.process_time() - began
    log = RealLog(second, texts, real.topic_of, real.censoring)
    simulated = {
        "defaults": site.simulate(UserConfig(), options.sessions, 1000 + split),
        "fitted": site.simulate(fitted.config, options.sessions, 1000 + split),
    }
    comparisons = {name: compare(log, sessions, split) for name, sessions in simulated.items()}
    uncut = replace(real.censoring, last_query_unseen=False)
    comparisons["other half"] = compare(replace(log, censoring=uncut), calibration, split)
    return Outcome(data, split, len(calibration), fitted, comparisons, seconds)


def print_outcome(outcome: Outcome) -> None:
    """Print the fitted habits and the table."""
    fitted, comparisons = outcome.fitted, outcome.comparisons
    first = comparisons["fitted"]
    print(
        f"\n{outcome.data}, split {outcome.split}: fitted to {outcome.n_calibration} sessions by "
        f"{fitted.n_simulations} simulations in {outcome.seconds:.0f} CPU s, compared with {first.n_real} sessions "
        f"of {first.n_topics or first.n_real} topics"
    )
    for value in fitted.values:
        print(f"  {value}")
    print(f"{'':36}{'real':>7}{'95 % interval':>16}{'width':>7}{'by topic':>22}", *(f"{n:>20}" for n in comparisons))
    for place, row in enumerate(first.rows):
        real, topic = row.by_session, row.by_topic
        cells = f"{row.label:36}"
        cells += f"{real.value:7.2f}{f'[{real.low:.2f}, {real.high:.2f}]':>16}{real.width:7.2f}" if real else " " * 30
        cells += f"{f'{topic.value:.2f} [{topic.low:.2f}, {topic.high:.2f}]':>22}" if topic else f"{'-':>22}"
        for comparison in comparisons.values():
            value = comparison.rows[place].simulated
            shown = "-" if value is None else f"{value:.2f}"
            cells += f"{f'{shown} {comparison.rows[place].verdict}':>21}"
        print(cells)
    for label in ("kind_distance", "rank_distance"):
        distances = "".join(f"{getattr(comparison, label):21.2f}" for comparison in comparisons.values())
        print(f"{'total variation, ' + label.partition('_')[0] + 's':88}{distances}")
    for row in first.rows:
        if row.reason:
            print(f"  {row.label}: {row.reason}")


def print_splits(outcomes: Sequence[Outcome]) -> None:
    """Print in how many splits each statistic is inside, per population."""
    print(f"\n{outcomes[0].data}: splits of {len(outcomes)} in which a value is inside the interval")
    names = list(outcomes[0].comparisons)
    print(f"{'':36}", *(f"{name:>12}" for name in names))
    for place, statistic in enumerate(STATISTICS):
        verdicts = {name: [each.comparisons[name].rows[place].verdict for each in outcomes] for name in names}
        counts = ("-" if "cannot say" in of_name else str(of_name.count("inside")) for of_name in verdicts.values())
        print(f"{statistic.label:36}", *(f"{count:>12}" for count in counts))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print tables, and write JSON and a plot if asked to."""
    parser = argparse.ArgumentParser(description="Whether simulated users search as people do")
    parser.add_argument("--data", type=Path, help="folder of TREC Session 2013")
    parser.add_argument("--sim4ia", type=Path, help="folder of Sim4IA CORE sessions")
    parser.add_argument("--splits", type=int, default=3, help="ways to halve the topics")
    parser.add_argument("--sessions", type=int, default=2000, help="simulated sessions that are compared")
    parser.add_argument("--fit-sessions", type=int, default=600, help="simulated sessions of a step of the fit")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args(arguments)
    if options.plot:
        check_plot_path(options.plot)
    if options.data is None or not (options.data / "sessions.jsonl").is_file():
        print("Nothing to measure: name the folder of TREC Session 2013 with --data.", file=sys.stderr)
        return
    site = Site(corpus_of(str(options.data), read_corpus(options.data)))
    logs = {"TREC Session 2013": trec_sessions(options.data)}
    if options.sim4ia:
        logs["Sim4IA"] = sim4ia_sessions(options.sim4ia)
    outcomes: list[Outcome] = []
    for data, real in logs.items():
        of_log: list[Outcome] = []
        for split in range(options.splits):
            of_log.append(outcome_of(data, real, site, split, options))
            print_outcome(of_log[-1])
        print_splits(of_log)
        outcomes += of_log
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1), encoding="utf-8")
    if options.plot:
        shown = {name: each for name, each in outcomes[0].comparisons.items() if name != "other half"}
        draw_realism(shown, options.plot)


if __name__ == "__main__":
    main()
