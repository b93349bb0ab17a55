"""Each click model on each model's own log: log-likelihood and perplexity, as Chuklin et al. (2015) define them.

    python -m benchmarks.bench_click_models [--lists N] [--seed S] [--json FILE]

Rows are the models that made a log, columns the models fitted to it; on the diagonal a model should be at its best.
DCM is an exception: these users stop by the grade of what they clicked, while DCM as fitted knows only its rank, so
DBN and SDBN explain its log better. Made with simulated users of the `informational` kind on lists of ten results,
with random grades; half of each log is fitted, the other half measured.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from untilclick.search.click_models.by_name import CLICK_MODELS, click_model
from untilclick.search.click_models.fitting.fit import ClickLog, fit
from untilclick.search.click_models.fitting.measures import log_likelihood, perplexity

RANKS, GRADES = 10, 3


def measure(lists: int, seed: int) -> list[dict[str, str | float]]:
    """One row per pair of models: held-out log-likelihood per query and rank, and perplexity."""
    rng = np.random.default_rng(seed)
    items = rng.integers(0, GRADES, size=(2 * lists, RANKS))
    rows: list[dict[str, str | float]] = []
    for maker in CLICK_MODELS:
        clicked = click_model(maker, "informational", GRADES - 1).sample(items, rng).clicked
        training, held_out = ClickLog(items[:lists], clicked[:lists]), (items[lists:], clicked[lists:])
        for name in CLICK_MODELS:
            model = fit(name, training)
            likelihood = log_likelihood(model.conditional_click_prob(*held_out), held_out[1])
            overall = perplexity(model.click_prob(held_out[0]), held_out[1]).overall
            rows.append({"log": maker, "model": name, "log_likelihood": likelihood, "perplexity": overall})
    return rows


def main() -> None:
    """Print both tables, and write the figures where told."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lists", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = measure(arguments.lists, arguments.seed)
    for figure in ("log_likelihood", "perplexity"):
        print(f"\n{figure}\n{'log':>6}" + "".join(f"{name:>10}" for name in CLICK_MODELS))
        for maker in CLICK_MODELS:
            values = [float(row[figure]) for row in rows if row["log"] == maker]
            print(f"{maker:>6}" + "".join(f"{value:>10.4f}" for value in values))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
