"""The results of an evaluation, and their files: `results.json` for machines, `per_topic.jsonl` for the report.

`results.json` holds `data`, `split`, `engine`, `seed`, `n_topics`, `n_needs`, `systems` (name -> measure -> mean),
`new_needs`, `asked`, `lay`, `comparisons`, `harm`, `sessions`, `code_version`, `settings`, `encoder` (its card) and,
per system, `empty_results`, `rewrites_applied` and `seconds`. `per_topic.jsonl` holds one line per topic with every
system's values, first titles and rewrite.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from untilclick.rewriter.evaluation.harm import Harm
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.rewriter.evaluation.system_names import APART
from untilclick.search.errors import DataError
from untilclick.search.files.json_records import read_record, record_of
from untilclick.search.files.whole_files import write_whole
from untilclick.search.log.stats import SessionFigures
from untilclick.search.measures.metrics import MEASURES
from untilclick.search.text.encoders.encoder import EncoderCard

RESULTS_FILE = "results.json"
PER_TOPIC_FILE = "per_topic.jsonl"

_REMEDY = "Write it with `untilclick evaluate`."


@dataclass(frozen=True)
class SystemFigures:
    """Figures of one system over all topics."""

    means: Mapping[str, float]
    """Measure -> mean over all topics."""
    n_empty: int
    """Topics for which nothing was retrieved; they count as 0 in the means."""
    n_applied: int = 0
    """Topics whose query a rewriter changed; 0 for baselines."""
    answer_seconds: float = 0.0
    """Wall-clock time of making all queries."""
    search_seconds: float = 0.0
    """Wall-clock time of searching all queries."""


@dataclass(frozen=True)
class TopicOutcome:
    """What one system did on one topic."""

    values: Mapping[str, float]
    """Measure -> value."""
    titles: tuple[str, ...]
    """Titles of the first results."""
    relevant: tuple[bool, ...]
    """Whether each of these results is relevant."""
    text: str | None = None
    """The rewritten query as text; None for baselines."""
    terms: tuple[tuple[str, float], ...] = ()
    """Expansion words with weights, heaviest first."""
    applied: bool = False
    """Whether the rewriter changed the query."""
    reason: str | None = None
    """Why the query was changed or not, see `untilclick.rewriter.rewrite.Reason`; None for baselines."""


@dataclass(frozen=True)
class TopicRow:
    """What all systems did on one topic."""

    topic_id: str
    need: str
    """The topic's own query."""
    typed: str
    """The query that the user typed."""
    outcomes: Mapping[str, TopicOutcome]
    """System -> what it did."""


@dataclass(frozen=True)
class SessionResults:
    """Simulated search sessions with every system, see `untilclick.rewriter.evaluation.session_measures`."""

    n_topics: int
    """Topics that had a session; a comparison counts them."""
    figures: Mapping[str, SessionFigures]
    """System -> figures of its sessions."""
    comparisons: tuple[Comparison, ...]
    """Every system against the first, on each session measure, paired by topic (mean over the topic's sessions)."""
    clicked_at: Mapping[str, tuple[int, ...]]
    """System -> sessions whose first click came at query 1, 2, ..., and as the last entry the sessions without a
    click."""

    def comparison(self, a: str, b: str, measure: str) -> Comparison | None:
        """The comparison of a with b on a session measure; None if it was not made."""
        return _comparison_of(self.comparisons, a, b, measure)


@dataclass(frozen=True)
class NewNeeds:
    """The topics that share no need with the training topics of their collection."""

    n_topics: int
    means: Mapping[str, float]
    """System -> mean nDCG@10 over these topics."""


@dataclass(frozen=True)
class Asked:
    """Questions in people's words, see `untilclick.search.corpora.asked`."""

    n_questions: int
    success: Mapping[str, float]
    """System -> share of the questions with an answer among the first five documents."""
    comparisons: tuple[Comparison, ...]
    """Every other system against BM25, paired by question."""

    def comparison(self, system: str) -> Comparison | None:
        """The comparison of a system with BM25; None if it was not made."""
        return next((each for each in self.comparisons if each.a == system), None)


@dataclass(frozen=True)
class LayGroup:
    """Held-out queries that are alike in their lay words, see `untilclick.rewriter.evaluation.beside.lay_groups`."""

    n_queries: int
    n_needs: int
    """Needs that the queries state; tests resample them."""
    means: Mapping[str, float]
    """System -> mean nDCG@10 over the queries."""
    comparisons: tuple[Comparison, ...]
    """Pairs of systems on these queries, paired by query."""

    def comparison(self, a: str, b: str) -> Comparison | None:
        """The comparison of a with b; None if it was not made."""
        return next((each for each in self.comparisons if (each.a, each.b) == (a, b)), None)


@dataclass(frozen=True)
class Results:
    """Everything that an evaluation found."""

    data: str
    split: str
    engine: str
    seed: int
    n_topics: int
    code_version: str
    figures: Mapping[str, SystemFigures]
    """System -> its figures."""
    comparisons: tuple[Comparison, ...]
    topics: tuple[TopicRow, ...] = ()
    sessions: SessionResults | None = None
    """Simulated search sessions; None if none were simulated."""
    settings: Mapping[str, str] | None = None
    """Settings of the evaluation, as text."""
    n_needs: int | None = None
    """Needs that the topics state; None in files of versions that did not count them."""
    new_needs: NewNeeds | None = None
    """None if all topics or none of them share a need with training topics."""
    asked: Asked | None = None
    """None if the documents are not Python's, and if these questions are the topics themselves."""
    lay: Mapping[str, LayGroup] | None = None
    """Queries with lay words that users of training topics know (`lay_known`), with others (`lay_new`), and
    `without`; None if users have no lay words for the documents."""
    harm: tuple[Harm, ...] = ()
    """Systems against BM25 and against the strongest untrained system; empty in files of versions without it."""
    encoder: EncoderCard | None = None
    """The sentence encoder of the rankings by meaning; None if there was none."""

    @property
    def rivals(self) -> tuple[str, ...]:
        """The systems that harm is counted against: BM25, and the strongest untrained one if that is another."""
        return tuple(dict.fromkeys(each.against for each in self.harm))

    @property
    def harm_by_system(self) -> Mapping[str, Mapping[str, Harm]]:
        """System -> rival -> shares of topics helped and harmed."""
        systems: dict[str, dict[str, Harm]] = {}
        for each in self.harm:
            systems.setdefault(each.system, {})[each.against] = each
        return systems

    def comparison(self, a: str, b: str, measure: str) -> Comparison | None:
        """The comparison of a with b on a measure; None if it was not made."""
        return _comparison_of(self.comparisons, a, b, measure)

    def best_systems(self) -> dict[str, set[str]]:
        """Measure -> the systems with the highest mean, without the rows that do not compete."""
        figures = {name: system for name, system in self.figures.items() if name not in APART}
        top = {m: max((system.means[m] for system in figures.values()), default=0.0) for m in MEASURES}
        return {m: {name for name, system in figures.items() if system.means[m] >= top[m]} for m in MEASURES}


def _comparison_of(comparisons: Iterable[Comparison], a: str, b: str, measure: str) -> Comparison | None:
    matching = (each for each in comparisons if (each.a, each.b, each.measure) == (a, b, measure))
    return next(matching, None)


@dataclass(frozen=True)
class _Seconds:
    """Wall-clock times of one system, rounded."""

    answer: float
    search: float


@dataclass(frozen=True)
class _ResultsFile:
    """The content of `results.json`; the order of the fields is that of its keys."""

    data: str
    split: str
    engine: str
    seed: int
    n_topics: int
    systems: Mapping[str, Mapping[str, float]]
    comparisons: tuple[Comparison, ...]
    sessions: SessionResults | None
    code_version: str
    settings: Mapping[str, str] | None
    empty_results: Mapping[str, int]
    rewrites_applied: Mapping[str, int]
    seconds: Mapping[str, _Seconds]
    n_needs: int | None = None
    new_needs: NewNeeds | None = None
    asked: Asked | None = None
    harm: tuple[Harm, ...] = ()
    encoder: EncoderCard | None = None
    lay: Mapping[str, LayGroup] | None = None

    @classmethod
    def of(cls, results: Results) -> _ResultsFile:
        """The results without their topics."""
        figures = results.figures
        return cls(
            data=results.data,
            split=results.split,
            engine=results.engine,
            seed=results.seed,
            n_topics=results.n_topics,
            systems={name: dict(system.means) for name, system in figures.items()},
            comparisons=results.comparisons,
            sessions=results.sessions,
            code_version=results.code_version,
            settings=results.settings,
            empty_results={name: system.n_empty for name, system in figures.items()},
            rewrites_applied={name: system.n_applied for name, system in figures.items()},
            seconds={
                name: _Seconds(round(system.answer_seconds, 4), round(system.search_seconds, 4))
                for name, system in figures.items()
            },
            n_needs=results.n_needs,
            new_needs=results.new_needs,
            asked=results.asked,
            harm=results.harm,
            encoder=results.encoder,
            lay=results.lay,
        )

    def results(self) -> Results:
        """The results without their topics. Raises KeyError if a system lacks a figure."""
        figures = {
            name: SystemFigures(
                means=means,
                n_empty=self.empty_results[name],
                n_applied=self.rewrites_applied[name],
                answer_seconds=self.seconds[name].answer,
                search_seconds=self.seconds[name].search,
            )
            for name, means in self.systems.items()
        }
        return Results(
            data=self.data,
            split=self.split,
            engine=self.engine,
            seed=self.seed,
            n_topics=self.n_topics,
            code_version=self.code_version,
            figures=figures,
            comparisons=self.comparisons,
            sessions=self.sessions,
            settings=self.settings,
            n_needs=self.n_needs,
            new_needs=self.new_needs,
            asked=self.asked,
            harm=self.harm,
            encoder=self.encoder,
            lay=self.lay,
        )


def write_results(folder: Path, results: Results) -> Path:
    """Write both files; returns the path of `results.json`, which is written last."""
    lines = [json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in results.topics]
    write_whole(folder / PER_TOPIC_FILE, "".join(lines))
    path = folder / RESULTS_FILE
    write_whole(path, json.dumps(asdict(_ResultsFile.of(results)), indent=2, ensure_ascii=False) + "\n")
    return path


def read_results(folder: Path) -> Results:
    """Read what `write_results` wrote; keys that a later version added are passed over. Raises DataError for a
    missing or broken file."""
    path = folder / RESULTS_FILE
    try:
        results = read_record(_ResultsFile, path, ignore_unknown=True).results()
    except OSError as error:
        raise DataError.at(path, None, "cannot be read", _REMEDY) from error
    except (ValueError, KeyError) as error:
        raise DataError.at(path, None, f"is not a result file ({error})", _REMEDY) from error
    return replace(results, topics=_read_topics(folder / PER_TOPIC_FILE))


def _read_topics(path: Path) -> tuple[TopicRow, ...]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError.at(path, None, "cannot be read", _REMEDY) from error
    return tuple(_topic_row(path, number, line) for number, line in enumerate(lines, start=1))


def _topic_row(path: Path, number: int, line: bytes) -> TopicRow:
    try:
        return record_of(TopicRow, line, ignore_unknown=True)
    except ValueError as error:
        raise DataError.at(path, number, f"is not a topic of an evaluation ({error})", _REMEDY) from error
