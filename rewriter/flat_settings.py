"""The two forms of a configuration: grouped, as the code reads it, and flat, as users write it.

    config.kl.coef          in the code
    ppo.kl_coef             after `--set`, and likewise in settings files, variables, stage records and checkpoints

A grouped configuration lists in `SETTINGS` where each flat name is stored. Any other dataclass has one form only: its
flat names are the names of its fields.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Successor(NamedTuple):
    """The setting that took the place of a retired one, and takes its values."""

    name: str
    """Flat name."""
    value_for_none: object
    """Its value where the retired one was None."""
    remedy: str
    """What to write instead."""


RETIRED: Mapping[str, Successor] = {
    "harm_limit": Successor("caution", "balanced", "give caution as balanced or cautious; a number stays the limit"),
    "synonym_share": Successor("lay_share", 0.0, "give lay_share, the share of words that are not the document's"),
}
"""Retired flat name -> its successor. Old files, options and records name it, and are read all the same."""


def present_name(name: str) -> str:
    """The present name of a setting that a user wrote. Logs a sentence for a retired one."""
    if name not in RETIRED:
        return name
    logger.warning("The setting %s is deprecated: %s", name, RETIRED[name].remedy)
    return RETIRED[name].name


def present(settings: Mapping[str, Any]) -> dict[str, Any]:  # Any: settings are of every type
    """Recorded settings by their present flat names. Logs a sentence for each retired one that was set."""
    renamed: dict[str, Any] = {}
    for name, value in settings.items():
        if name in RETIRED and value is None:
            renamed[RETIRED[name].name] = RETIRED[name].value_for_none
        else:
            renamed[present_name(name)] = value
    return renamed


class AsText:
    """Base of configurations by whose text finished steps are recognised. A subclass is a dataclass with `repr=False`
    (else it would replace `__repr__`)."""

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Settings that earlier versions did not have."""

    def __repr__(self) -> str:
        """The flat form: keys of finished steps are hashes of this text, and must outlast a change of the groups and
        of names. So a setting that took the place of another one has the name and the None of that one here, and one
        that is new is left out while it has its default."""
        retired = {successor.name: (name, successor.value_for_none) for name, successor in RETIRED.items()}
        texts = []
        for name, value in flat(self).items():
            if name in self.LATER and value == getattr(type(self), name):
                continue
            earlier_name, value_for_none = retired.get(name, (name, None))
            texts.append(f"{earlier_name}={None if value == value_for_none else value!r}")
        return f"{type(self).__qualname__}({', '.join(texts)})"


class Grouped(AsText):
    """Base of configurations whose settings are stored in groups, each a frozen dataclass; the default of a group is
    an instance of it."""

    SETTINGS: ClassVar[Mapping[str, str]]
    """Flat name -> path of the attribute, such as `kl_coef` -> `kl.coef`; its order is the order of the flat form."""


def setting_names(kind: type) -> tuple[str, ...]:
    """The flat names of a configuration class, in order."""
    return tuple(_paths(kind))


def flat(config: object) -> dict[str, Any]:  # Any: settings are of every type
    """The settings of a configuration by their flat names, in order."""
    return {name: attrgetter(path)(config) for name, path in _paths(type(config)).items()}


def grouped(kind: type[T], settings: Mapping[str, Any]) -> T:  # Any: settings are of every type
    """The configuration with these settings, given by their flat names; all others have the defaults of `kind`.
    Values are not checked. Raises TypeError for an unknown name."""
    arguments = nested(kind, settings)
    for group in _groups(kind) & arguments.keys():
        arguments[group] = type(getattr(kind, group))(**arguments[group])
    return kind(**arguments)


def changed(config: T, **settings: object) -> T:
    """A copy of a configuration with other values for these settings, given by their flat names."""
    return grouped(type(config), flat(config) | settings)


def nested(kind: type, settings: Mapping[str, Any]) -> dict[str, Any]:  # Any: settings are of every type
    """The keyword arguments that make `kind` from settings given by their flat names: one dictionary for each group
    that is mentioned, filled up with the defaults that `kind` has for it (`{"kl": {"coef": 0.1, ...}}`)."""
    paths = _paths(kind)
    arguments: dict[str, Any] = {}  # Any: settings are of every type
    for name, value in present(settings).items():
        group, _, attribute = paths.get(name, name).rpartition(".")
        if group:
            arguments.setdefault(group, dict(vars(getattr(kind, group))))[attribute] = value
        else:
            arguments[attribute] = value
    return arguments


def flat_name(kind: type, path: Sequence[object]) -> str:
    """The flat name of the setting at this path of attributes, as pydantic reports the place of an error."""
    dotted = {path: name for name, path in _paths(kind).items()}
    for length in range(len(path), 0, -1):  # an error may lie within a value, such as the second item of a list
        if name := dotted.get(".".join(map(str, path[:length]))):
            return name
    return str(path[0])


def _paths(kind: type) -> Mapping[str, str]:
    if issubclass(kind, Grouped):
        return kind.SETTINGS
    return {field.name: field.name for field in fields(kind)}  # type: ignore[arg-type]  # any dataclass


def _groups(kind: type) -> set[str]:
    return {group for path in _paths(kind).values() for group in [path.rpartition(".")[0]] if group}
