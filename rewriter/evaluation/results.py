"""What an evaluation found, and its files: `results.json` for machines, `per_topic.jsonl` for the report.

`results.json` holds `data`, `split`, `engine`, `seed`, `n_topics`, `systems` (name -> measure -> mean),
`comparisons`, and beside them `sessions`, `code_version`, `settings` and, per system, `empty_results`,
`rewrites_applied` and `seconds`. `per_topic.jsonl` holds one line per topic with every system's values, first titles
and rewrite.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from untilclick.rewriter.evaluation.session_measures import SessionResults
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.search.errors import DataError
from untilclick.search.log.stats import SessionFigures
from untilclick.search.measures.metrics import MEASURES

ORACLE = "oracle"
"""The system that reads the answers and is therefore never called best."""

SYSTEM_TITLES: Mapping[str, str] = {
    "bm25": "BM25 as typed",
    "bm25_tuned": "BM25, k1 and b chosen",
    "rm3": "BM25 + RM3",
    "rocchio": "BM25 + Rocchio",
    "spelling": "spelling correction",
    "session_concatenation": "session's queries joined",
    "successor": "next query of the log",
    "association": "word associations",
    "base": "base, no sessions",
    "warm_start": "warm start",
    "offline": "offline",
    "ppo": "PPO",
    "mean": "mean of models",
    ORACLE: "oracle (knows the answer)",
}
"""System name -> how people read it, in the order of tables."""

RESULTS_FILE = "results.json"
PER_TOPIC_FILE = "per_topic.jsonl"


def title_of(system: str) -> str:
    """How people read a system: its name where it has no title."""
    return SYSTEM_TITLES.get(system, system)


@dataclass(frozen=True)
class SystemFigures:
    """One system over all topics."""

    means: Mapping[str, float]
    """Measure -> mean over all topics."""
    n_empty: int
    """Topics for which nothing was retrieved; they count as 0 in the means."""
    n_applied: int = 0
    """Topics whose query a rewriter changed; 0 for baselines."""
    answer_seconds: float = 0.0
    """Wall-clock time of making all queries."""
    search_seconds: float = 0.0
    """Wall-clock time of searching them."""


@dataclass(frozen=True)
class TopicOutcome:
    """One system on one topic."""

    values: Mapping[str, float]
    """Measure -> value."""
    titles: tuple[str, ...]
    """Titles of the first results."""
    relevant: tuple[bool, ...]
    """Whether each of them is relevant."""
    text: str | None = None
    """The rewritten query to read; None for baselines."""
    terms: tuple[tuple[str, float], ...] = ()
    """Expansion words with weights."""
    applied: bool = False
    """Whether the rewriter changed the query."""
    reason: str | None = None
    """Why, or why not; see `untilclick.rewriter.rewrite.Reason`."""


@dataclass(frozen=True)
class TopicRow:
    """All systems on one topic."""

    topic_id: str
    need: str
    """The topic's own query."""
    typed: str
    """What the user typed."""
    outcomes: Mapping[str, TopicOutcome]
    """By system."""


@dataclass(frozen=True)
class Results:
    """Everything an evaluation found."""

    data: str
    split: str
    engine: str
    seed: int
    n_topics: int
    code_version: str
    figures: Mapping[str, SystemFigures]
    """By system."""
    comparisons: tuple[Comparison, ...]
    topics: tuple[TopicRow, ...] = ()
    sessions: SessionResults | None = None
    """Simulated search sessions; None where none were simulated."""
    settings: Mapping[str, str] | None = None
    """The evaluation's settings as text."""

    def comparison(self, a: str, b: str, measure: str) -> Comparison | None:
        """The comparison of a with b on a measure, None where it was not made."""
        found = (one for one in self.comparisons if (one.a, one.b, one.measure) == (a, b, measure))
        return next(found, None)

    def best_systems(self) -> dict[str, set[str]]:
        """Measure -> the systems with the highest mean, the oracle apart."""
        rivals = {name: figures for name, figures in self.figures.items() if name != ORACLE}
        top = {m: max((figures.means[m] for figures in rivals.values()), default=0.0) for m in MEASURES}
        return {m: {name for name, figures in rivals.items() if figures.means[m] >= top[m]} for m in MEASURES}


def write_results(folder: Path, results: Results) -> Path:
    """Write both files; returns the path of `results.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / PER_TOPIC_FILE).open("w", encoding="utf-8") as lines:
        for row in results.topics:
            lines.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
    path = folder / RESULTS_FILE
    path.write_text(json.dumps(_as_json(results), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def read_results(folder: Path) -> Results:
    """Read what `write_results` wrote. Raises DataError for a missing or broken file."""
    path = folder / RESULTS_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return _from_json(found, _read_topics(folder / PER_TOPIC_FILE))
    except OSError as error:
        raise DataError.at(path, None, "cannot be read", "Write it with `untilclick evaluate`.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError.at(
            path, None, f"is not a result file ({error})", "Write it with `untilclick evaluate`."
        ) from error


def _as_json(results: Results) -> dict[str, object]:
    figures = results.figures
    return {
        "data": results.data,
        "split": results.split,
        "engine": results.engine,
        "seed": results.seed,
        "n_topics": results.n_topics,
        "systems": {name: dict(one.means) for name, one in figures.items()},
        "comparisons": [asdict(one) for one in results.comparisons],
        "sessions": asdict(results.sessions) if results.sessions else None,
        "code_version": results.code_version,
        "settings": results.settings,
        "empty_results": {name: one.n_empty for name, one in figures.items()},
        "rewrites_applied": {name: one.n_applied for name, one in figures.items()},
        "seconds": {
            name: {"answer": round(one.answer_seconds, 4), "search": round(one.search_seconds, 4)}
            for name, one in figures.items()
        },
    }


def _from_json(found: dict[str, Any], topics: tuple[TopicRow, ...]) -> Results:  # Any: parsed JSON
    figures = {
        name: SystemFigures(
            means=means,
            n_empty=found["empty_results"][name],
            n_applied=found["rewrites_applied"][name],
            answer_seconds=found["seconds"][name]["answer"],
            search_seconds=found["seconds"][name]["search"],
        )
        for name, means in found["systems"].items()
    }
    plain = {
        name: found[name] for name in ("data", "split", "engine", "seed", "n_topics", "code_version", "settings")
    }
    return Results(
        **plain,
        figures=figures,
        comparisons=_comparisons(found["comparisons"]),
        sessions=_sessions(found["sessions"]) if found["sessions"] else None,
        topics=topics,
    )


def _comparisons(found: list[dict[str, Any]]) -> tuple[Comparison, ...]:  # Any: parsed JSON
    return tuple(Comparison(**{**one, "ci95": tuple(one["ci95"])}) for one in found)


def _sessions(found: dict[str, Any]) -> SessionResults:  # Any: parsed JSON
    figures = {name: SessionFigures(**one) for name, one in found["figures"].items()}
    clicked_at = {name: tuple(counts) for name, counts in found["clicked_at"].items()}
    return SessionResults(found["n_topics"], figures, _comparisons(found["comparisons"]), clicked_at)


def _read_topics(path: Path) -> tuple[TopicRow, ...]:
    with path.open(encoding="utf-8") as lines:
        return tuple(_topic_row(json.loads(line)) for line in lines if line.strip())


def _topic_row(found: dict[str, Any]) -> TopicRow:  # Any: parsed JSON
    outcomes = {
        name: TopicOutcome(
            **{
                **one,
                "titles": tuple(one["titles"]),
                "relevant": tuple(one["relevant"]),
                "terms": tuple((word, weight) for word, weight in one["terms"]),
            }
        )
        for name, one in found["outcomes"].items()
    }
    return TopicRow(found["topic_id"], found["need"], found["typed"], outcomes)
