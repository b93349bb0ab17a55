"""Fits each click model to logs of every click model; log-likelihood and perplexity as in Chuklin et al. (2015).

    python -m benchmarks.bench_click_models [--lists N] [--seed S] [--json FILE]

A row is the model that simulated the log, a column the model that was fitted to it. A model should explain its own
log best, on the diagonal. DCM is an exception: the simulated users stop by the grade of the result they clicked, but
the fitted DCM knows only the rank of the click, so DBN and SDBN explain its log better. The simulated users are of
the `informational` kind and see lists of ten results with random grades. Models are fitted to half of each log and
measured on the other half.
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
    """One row for each pair of models: held-out log-likelihood per query and rank, and perplexity."""
    rng = np.random.default_rng(seed)
    items = rng.integers(0, GRADES, size=(2 * lists, RANKS))  # (2L, K) a document is known by its grade alone
    rows: list[dict[str, str | float]] = []
    for simulated in CLICK_MODELS:
        clicked = click_model(simulated, "informational", GRADES - 1).sample(items, rng).clicked  # (2L, K) bool
        training, held_out = ClickLog(items[:lists], clicked[:lists]), (items[lists:], clicked[lists:])
        for name in CLICK_MODELS:
            model = fit(name, training)
            likelihood = log_likelihood(model.conditional_click_prob(*held_out), held_out[1])
            overall = perplexity(model.click_prob(held_out[0]), held_out[1]).overall
            rows.append({"log": simulated, "model": name, "log_likelihood": likelihood, "perplexity": overall})
    return rows


def main() -> None:
    """Print both tables, and write the figures as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lists", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = measure(arguments.lists, arguments.seed)
    for figure in ("log_likelihood", "perplexity"):
        print(f"\n{figure}\n{'log':>6}" + "".join(f"{name:>10}" for name in CLICK_MODELS))
        for simulated in CLICK_MODELS:
            values = [float(row[figure]) for row in rows if row["log"] == simulated]
            print(f"{simulated:>6}" + "".join(f"{value:>10.4f}" for value in values))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
