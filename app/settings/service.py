"""All settings of the service: read from a mapping like `os.environ`, which a test replaces by a dict.

Options of the command line come as keyword arguments and precede the environment. The groups and their settings are
in `groups.py`, the types of values in `values.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from untilclick.app.settings.commands import PREFIX
from untilclick.app.settings.groups import (
    Group,
    HttpSettings,
    KeySettings,
    LimitSettings,
    LogSettings,
    ObservabilitySettings,
    OpenSearchSettings,
    PageSettings,
    RewritingSettings,
    SearchSettings,
    SettingsError,
)
from untilclick.search.corpora.asked import asked_examples
from untilclick.search.corpora.load import STDLIB


class Settings(BaseModel):
    """Settings of one service, by group. Frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    search: SearchSettings = SearchSettings()
    rewriting: RewritingSettings = RewritingSettings()
    log: LogSettings = LogSettings()
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    keys: KeySettings = KeySettings()
    page: PageSettings = PageSettings()
    observability: ObservabilitySettings = ObservabilitySettings()
    opensearch: OpenSearchSettings = OpenSearchSettings()

    @classmethod
    def of(cls, **values: object) -> Self:
        """Settings from values by full name: `Settings.of(data="stdlib", opensearch_shards=2)`.

        Raises SettingsError for a bad value and for an unknown name.
        """
        groups: dict[str, dict[str, object]] = {}
        for name, value in values.items():
            if name not in setting_places():
                raise SettingsError(f"{variable_of(name)} is not a setting of the service.")
            groups.setdefault(setting_places()[name].group, {})[name] = value
        try:
            return cls.model_validate(groups)
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], **options: object) -> Self:
        """Settings from `UNTILCLICK_*` variables; `options` that are not None precede them.

        Ignores variables of other names, which may belong to other commands. Raises SettingsError for a bad value.
        """
        variables = {
            name: environ[variable] for name in setting_places() if (variable := variable_of(name)) in environ
        }
        return cls.of(**variables | {name: value for name, value in options.items() if value is not None})

    def to_environment(self) -> dict[str, str]:
        """The variables that give these settings again, for processes that this one starts."""
        values = self.by_name()
        return {
            variable_of(name): _text(values[name])
            for name, place in setting_places().items()
            if place.attribute in getattr(self, place.group).model_fields_set and values[name] is not None
        }

    def by_name(self) -> dict[str, object]:
        """Every value by the full name of its setting."""
        return {name: getattr(getattr(self, at.group), at.attribute) for name, at in setting_places().items()}

    @property
    def example_queries(self) -> tuple[str, ...]:
        """The queries that the page offers to try."""
        return self.page.examples or (asked_examples() if self.search.data == STDLIB else ())

    @property
    def key_file(self) -> Path:
        """The file with the key of click tokens, for a service without `secret_keys`."""
        return self.keys.secret_file or self.log.beside(".key")


class SettingPlace(NamedTuple):
    """The group and the attribute that hold a setting."""

    group: str
    attribute: str
    field: FieldInfo


@cache
def setting_places() -> Mapping[str, SettingPlace]:
    """Every setting by its full name."""
    return {
        field.alias or name: SettingPlace(group, name, field)
        for group, holder in Settings.model_fields.items()
        if isinstance(holder.annotation, type) and issubclass(holder.annotation, Group)
        for name, field in holder.annotation.model_fields.items()
    }


def variable_of(name: str) -> str:
    """The environment variable of a setting: `max_k` is UNTILCLICK_MAX_K."""
    return PREFIX + name.upper()


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return json.dumps([item.get_secret_value() if isinstance(item, SecretStr) else item for item in value])
    return str(value)


def _sentence(error: ValidationError) -> str:
    """The problem, without the value, which may be a key, and what the setting means."""
    problem = error.errors(include_input=False, include_url=False)[0]
    name = str(problem["loc"][1])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{variable_of(name)}: {message}. Meaning of the setting: {setting_places()[name].field.description}"
