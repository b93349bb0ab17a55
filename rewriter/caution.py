"""How much harm a rewriter may do for its gain: the names by which trainings, bundles and the service are told."""

from __future__ import annotations

from typing import Literal, get_args

Caution = Literal["balanced", "cautious"]
"""`balanced`: some queries are harmed so that more are helped; `cautious`: fewer are harmed, for a smaller gain."""
CAUTIONS: tuple[Caution, ...] = get_args(Caution)
HarmSetting = Caution | float
"""The setting `caution` of a training. A number is a limit of earlier versions: the largest share of the validation
queries that the chosen blend may harm, 0..1."""


def named(setting: HarmSetting) -> Caution:
    """The caution of a setting; that of a number is the default one."""
    return "balanced" if isinstance(setting, float | int) else setting
