"""The users of a site for `untilclick simulate --like LOG`: fitted to a log, or read from the file of a fit."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.app.terminal.terminal import Terminal
from untilclick.app.terminal.users_table import users_table
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.log.database import parse_log_url
from untilclick.search.log.session_log import SessionLog
from untilclick.search.log.visitors import once_per_client
from untilclick.search.records import Session
from untilclick.search.users.site.fit import fit_site
from untilclick.search.users.site.site import Site
from untilclick.search.users.site.users import SiteUsers
from untilclick.search.users.user import UserConfig

USERS_SUFFIX = ".users.json"
"""Added to the file name of a SQLite log that sessions are simulated into: the users that made them."""
MOST_READ = 50_000
"""Largest number of sessions of a log that users are fitted to, the latest ones."""


@dataclass(frozen=True)
class UsersOptions:
    """Where the users of a site come from."""

    like: str | None
    """Address of the log that they are fitted to; None: they are read from `file`."""
    file: Path | None
    """File that keeps them; None: the one beside the log that is written, if that is a file."""
    log: str
    """Address of the log that sessions are simulated into."""


def site_of(opened: OpenedCollection, seed: int) -> Site:
    """A collection as the users of its site search it."""
    return Site(opened.collection.corpus, opened.index, opened.engine, seed)


def site_users(options: UsersOptions, site: Site, defaults: UserConfig, terminal: Terminal) -> SiteUsers:
    """Fit users to a log and keep them in a file, or read them from one; what the log lacks is said.

    Raises LogError for a missing log, and DataError for a missing or wrong file.
    """
    if options.like is None:
        assert options.file is not None  # one of both is given
        return SiteUsers.read(options.file, site.index.analysis, site.dictionary)
    with terminal.progress("Fitting users"):
        # the words that visitors type are all known: none is kept for an evaluation
        users = fit_site(site, real_sessions(options.like), replace(defaults, lay_part="all"))
    path = options.file or _beside(options.log)
    if path is not None:
        users.write(path)
        terminal.line(f"The users are in {path}; --users reads them again.")
    return users


def real_sessions(log: str) -> Sequence[Session]:
    """The latest sessions of visitors in a log, without repeated clicks of a client; if it has none, those of
    simulated users. Raises LogError for a missing log."""
    with SessionLog.open(log, create=False) as opened:
        latest = deque(opened.sessions("live"), MOST_READ) or deque(opened.sessions(), MOST_READ)
    return [*once_per_client(latest)]


def _beside(log: str) -> Path | None:
    """The file of users beside a SQLite log; None for a log on a database server."""
    url = parse_log_url(log)
    return Path(url.database + USERS_SUFFIX) if url.drivername.startswith("sqlite") and url.database else None


def show_users(users: SiteUsers, config: UserConfig, terminal: Terminal) -> None:
    """Print every habit of the users, with its origin; `config` are the habits that are simulated. Of a log that
    tells none, only its words."""
    for note in users.notes:
        terminal.line(f"{note}: the habits are the defaults.")
    values = users.values[-1:] if users.notes else users.values
    changed = {name: getattr(config, name) for name, value in users.habits.items() if getattr(config, name) != value}
    terminal.table(users_table(values, users.n_sessions, changed))
