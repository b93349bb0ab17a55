"""The verdict of an evaluation in words, for the report and for the terminal.

Every sentence is computed from the numbers of `Results`, and claims no more than their tests allow.
"""

from __future__ import annotations

from untilclick.rewriter.evaluation.results import Results
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.rewriter.evaluation.system_names import BASELINE, BASELINES, TRAINED, UNTRAINED_REWRITER, title_of
from untilclick.rewriter.judging.sentences import p_text

HEADLINE_MEASURE = "nDCG@10"
"""The measure of the verdict, of the gain bars and of the choice of examples."""

FEW_TOPICS = 50
"""A sentence warns the reader if there are fewer topics. Test collections usually have this number. Voorhees &
Buckley ("The Effect of Topic Set Size on Retrieval Experiment Error", SIGIR 2002) measure how often smaller sets
contradict each other."""

MOST_NAMED = 6
"""Number of data sets of an encoder that a terminal names; reports and model cards name all."""


def subject_of(results: Results) -> str | None:
    """The system that the verdict is about: mean, else ppo, else offline, else warm_start; None if none of them was
    evaluated."""
    return next((name for name in TRAINED if name in results.figures), None)


def verdict(results: Results, subject: str | None) -> str:
    """One sentence: how the rewrites changed the headline measure, whether chance explains it, and whether the best
    baseline gains as much."""
    topics = counted_topics(results)
    if subject is None:
        return f"Baselines on {topics}; no trained rewriter was evaluated."
    gain = results.comparison(subject, BASELINE, HEADLINE_MEASURE)
    if gain is None:
        return f"{title_of(subject)} on {topics}; {title_of(BASELINE)} was not evaluated."
    before, after = (results.figures[name].means[HEADLINE_MEASURE] for name in (BASELINE, subject))
    change = f"{HEADLINE_MEASURE} went from {before:.3f} to {after:.3f} on {topics} ({p_text(gain.p)})."
    if not gain.significant:
        return f"No difference could be shown: {change}"
    if gain.difference > 0:
        return f"Rewriting helps{_beyond_best_baseline(results, subject)}: {change}"
    return f"Rewriting hurts: {change}"


def explanation(results: Results, subject: str | None) -> tuple[str, ...]:
    """The verdict for newcomers, in sentences that make one paragraph: the trained rewriter beside the queries as
    typed, beside its strongest rival, and beside the untrained rewriter. What was not evaluated is left out."""
    gain = None if subject is None else results.comparison(subject, BASELINE, HEADLINE_MEASURE)
    if subject is None or gain is None:
        return (verdict(results, subject),)
    sentences = (_beside_typed(results, gain), _beside_rival(results, gain), _beside_untrained(results, subject))
    return tuple(filter(None, sentences))


def _beside_typed(results: Results, gain: Comparison) -> str:
    before, after = (results.figures[name].means[HEADLINE_MEASURE] for name in (BASELINE, gain.a))
    on, trained = f"On {counted_topics(results)}", f"the trained rewriter ({title_of(gain.a)})"
    test = f"where 1 is perfect ({p_text(gain.p)})"
    if not gain.significant:
        between = f"no difference between {trained} and the queries as typed could be shown"
        return f"{on} {between}: {HEADLINE_MEASURE} {after:.3f} and {before:.3f}, {test}."
    ranks = f"ranks {'better' if gain.difference > 0 else 'worse'} than the queries as typed"
    return f"{on} {trained} {ranks}: {HEADLINE_MEASURE} {after:.3f} instead of {before:.3f}, {test}."


def _beside_rival(results: Results, gain: Comparison) -> str:
    rival = best_baseline(results)
    if rival == BASELINE:
        return "No rival without a trained rewriter ranks better than the queries as typed."
    sentence = f"Its strongest rival without a trained rewriter is {title_of(rival)} ({_value(results, rival)})"
    comparison = results.comparison(gain.a, rival, HEADLINE_MEASURE)
    if comparison is None:
        return f"{sentence}."
    leads = f"{'the trained rewriter' if comparison.difference > 0 else 'the rival'} leads by"
    sentence = f"{sentence}: {_difference(comparison, leads)}"
    helps = gain.significant and gain.difference > 0
    if rival == "spelling" and helps and not comparison.significant:
        return f"{sentence}, so the spelling correction inside the trained rewriter may be all that helps."
    return f"{sentence}."


def _beside_untrained(results: Results, subject: str) -> str:
    comparison = results.comparison(subject, UNTRAINED_REWRITER, HEADLINE_MEASURE)
    if comparison is None:
        return ""
    value = _value(results, UNTRAINED_REWRITER)
    sentence = f"The untrained rewriter, which has seen no search session, reaches {value}"
    brings = f"what was learned from sessions {'adds' if comparison.difference > 0 else 'costs'}"
    return f"{sentence}: {_difference(comparison, brings)}."


def _difference(comparison: Comparison, verb: str) -> str:
    """`the rival leads by 0.021 (p = 0.004)`, or that the difference may be chance."""
    size = f"{abs(comparison.difference):.3f}"
    if comparison.significant:
        return f"{verb} {size} ({p_text(comparison.p)})"
    return f"the difference of {size} may be chance ({p_text(comparison.p)})"


def _value(results: Results, system: str) -> str:
    return f"{results.figures[system].means[HEADLINE_MEASURE]:.3f}"


def strongest_baseline(results: Results, subject: str) -> str:
    """One sentence on the best baseline other than BM25, so that a gain over BM25 is not read as more than it is;
    empty if BM25 itself is the best baseline."""
    name = best_baseline(results)
    if name == BASELINE:
        return ""
    value = results.figures[name].means[HEADLINE_MEASURE]
    sentence = f"The strongest baseline is {title_of(name)} with {HEADLINE_MEASURE} {value:.3f}"
    comparison = results.comparison(subject, name, HEADLINE_MEASURE)
    if comparison is None:
        return f"{sentence}."
    difference = f"{comparison.difference:+z.3f} ({interval_text(comparison)}, {p_text(comparison.p)})"
    return f"{sentence}; {title_of(subject)} differs from it by {difference}."


def spelling_alone(results: Results, subject: str) -> str:
    """One sentence if a rewriter gains no more than its spelling correction gains alone, so that the words it learned
    do not get the credit; empty otherwise."""
    gain = results.comparison(subject, BASELINE, HEADLINE_MEASURE)
    beyond = results.comparison(subject, "spelling", HEADLINE_MEASURE)
    if best_baseline(results) != "spelling" or gain is None or beyond is None:
        return ""
    if not gain.significant or gain.difference <= 0 or beyond.significant:
        return ""
    return (
        "On these documents the spelling correction inside the rewriter explains the gain; "
        "the test shows no further gain from the words that the rewriter learned."
    )


def caution(results: Results) -> str:
    """One sentence of warning if the topics state few needs; empty otherwise."""
    n_needs = results.n_topics if results.n_needs is None else results.n_needs
    if n_needs >= FEW_TOPICS:
        return ""
    needs = " needs" if n_needs < results.n_topics else ""
    return f"Figures of {counted_topics(results)} say little: a fair test takes at least {FEW_TOPICS}{needs}."


def about_encoder(results: Results, most: int | None = None) -> str:
    """What the sentence encoder was trained on, so that its gains on such data are not read as generalisation; empty
    without an encoder. `most`: number of data sets that are named; None: all."""
    if results.encoder is None:
        return ""
    if not results.encoder.trained_on:
        return f"What {results.encoder.name} was trained on is not stated, so its figures may flatter it."
    names = results.encoder.trained_on
    named = names[:most]
    more = f" and {len(names) - len(named)} more" if len(named) < len(names) else ""
    data = ", ".join(named) + more
    return f"{results.encoder.name} was trained on {data}. Its figures on data of these kinds flatter it."


def counted_topics(results: Results) -> str:
    """The number of topics, and that of the needs that they state if there are fewer: `201 held-out topics of 22
    needs`."""
    topics = f"{results.n_topics:,} {kind_of_topics(results)}"
    if results.n_needs is None or results.n_needs >= results.n_topics:
        return topics
    return f"{topics} of {results.n_needs:,} {'need' if results.n_needs == 1 else 'needs'}"


def kind_of_topics(results: Results) -> str:
    """`held-out topics` or `training topics`, in the singular for one topic."""
    kind = "training topic" if results.split == "train" else "held-out topic"
    return kind if results.n_topics == 1 else f"{kind}s"


def best_baseline(results: Results) -> str:
    """The baseline with the highest headline measure; the first of BASELINES among equals, so BM25 before all
    others."""
    evaluated = [name for name in BASELINES if name in results.figures]
    return max(evaluated, key=lambda name: results.figures[name].means[HEADLINE_MEASURE], default=BASELINE)


def interval_text(comparison: Comparison) -> str:
    """`95 % interval -0.010 to +0.071`."""
    low, high = comparison.ci95
    return f"95 % interval {low:+z.3f} to {high:+z.3f}"


def _beyond_best_baseline(results: Results, subject: str) -> str:
    """What to add to "helps" if another baseline is above BM25; empty if the subject is above that too."""
    best = best_baseline(results)
    if best == BASELINE:
        return ""
    comparison = results.comparison(subject, best, HEADLINE_MEASURE)
    if comparison is None or not comparison.significant:
        return f", but not measurably more than {_alone(best)}"
    return "" if comparison.difference > 0 else f" less than {_alone(best)}"


def _alone(system: str) -> str:
    """The title of a system, which says that it works alone."""
    title = title_of(system)
    return title if title.endswith(" alone") else f"{title} alone"
