"""Click models fitted to a session log: the work of `untilclick log fit-clicks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from untilclick.app.terminal.terminal import Terminal
from untilclick.search.click_models.by_name import CLICK_MODELS, known_name
from untilclick.search.click_models.fitting.figures import ModelFigures, click_rates, figures_of
from untilclick.search.click_models.fitting.fit import fit
from untilclick.search.click_models.fitting.session_lists import session_lists
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Source


@dataclass(frozen=True)
class ClickFits:
    """The figures of all fitted models, and of the lists that they were fitted to."""

    lists: int
    """Number of result lists that the models were fitted to."""
    pairs: int
    """Number of distinct pairs of query and document in these lists."""
    held_out_lists: int
    """Number of lists of other sessions, on which the models were measured."""
    click_rates: tuple[float, ...]
    """Clicks per shown document, by rank."""
    models: Mapping[str, ModelFigures]
    """Name of a click model -> its figures."""


def fit_click_models(log: str, source: Source | None, click_model: str | None, terminal: Terminal) -> ClickFits:
    """Fit one click model, or all (None), to the sessions of one source, or of all (None).

    Raises LogError for a missing log, DataError for a log without result lists, and UntilclickError for an unknown
    click model.
    """
    names = CLICK_MODELS if click_model is None else (known_name(click_model),)
    with SessionLog.open(log, create=False) as opened, terminal.progress("Fitting click models") as update:
        lists = session_lists(opened.sessions(source))
        figures = {}
        for i, name in enumerate(names):
            update(i, len(names))
            figures[name] = figures_of(fit(name, lists.training), lists)
    rates = click_rates(lists.training)
    return ClickFits(len(lists.training.items), len(lists.pairs), len(lists.held_out.items), rates, figures)
