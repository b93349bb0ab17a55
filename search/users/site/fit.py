"""Fits the users of a site to its own log: habits by `untilclick.search.users.realism.fitting`, and their words.

A log that is too small, has no clicks, or names other documents leaves the habits at their defaults, with a sentence
that says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from numpy.linalg import LinAlgError

from untilclick.search.records import Session
from untilclick.search.users.realism.fitted import FittedValue
from untilclick.search.users.realism.fitting import FitInput, fit_users
from untilclick.search.users.realism.statistics import Texts
from untilclick.search.users.site.site import Site
from untilclick.search.users.site.users import SiteUsers
from untilclick.search.users.site.vocabulary import LEAST_VISITORS, SiteVocabulary
from untilclick.search.users.user import UserConfig

LEAST_SESSIONS = 50
"""Smallest number of sessions with a query that habits are fitted to. A share is then known to +-.14 at worst, no
better than the spread between sites that the fit assumes."""
LEAST_CLICKED = 30
"""Smallest number of these that have a click."""
LEAST_KNOWN = 0.5
"""Share of the clicked documents that must be among the documents of the site."""
SIMULATED = 2_000
"""Number of sessions of each simulation of the fit."""


def fit_site(
    site: Site, sessions: Sequence[Session], defaults: UserConfig, n_simulated: int = SIMULATED
) -> SiteUsers:
    """The users of a site from sessions of its visitors. `defaults` are the habits that the log cannot tell."""
    typed = [session for session in sessions if any(turn.query.strip() for turn in session.turns)]
    vocabulary = SiteVocabulary.of_log(typed, site.index, site.dictionary)
    note = missing(site, typed)
    if not note:
        fit = FitInput(
            typed, Texts(site.index), lambda config: site.sessions(config, vocabulary, n_simulated), defaults
        )
        try:
            fitted = fit_users(fit)
        except LinAlgError:  # a moment of sessions that are all the same has no variance
            note = "The sessions of the log are too much alike to tell the habits of different people"
        else:
            users = SiteUsers(fitted.config, fitted.values, vocabulary, fitted.n_sessions)
    if note:
        users = SiteUsers.by_default(defaults, vocabulary, len(typed), note)
    named = any(session.client_id is not None for session in typed)
    return replace(users, values=(*users.values, _words(vocabulary, named=named)))


def missing(site: Site, sessions: Sequence[Session]) -> str:
    """Why habits cannot be fitted to sessions with a query, in a sentence without a full stop; empty if they can."""
    if len(sessions) < LEAST_SESSIONS:
        return f"The log has {len(sessions):,} sessions with a query, and habits are fitted from {LEAST_SESSIONS} on"
    n_clicked = sum(not session.abandoned for session in sessions)
    if n_clicked < LEAST_CLICKED:
        return f"{n_clicked:,} sessions of the log have a click, and habits are fitted from {LEAST_CLICKED} on"
    clicked = {doc_id for session in sessions for doc_id in session.clicked}
    n_known = sum(doc_id in site.index.doc_rows for doc_id in clicked)
    if n_known < LEAST_KNOWN * len(clicked):
        of_log = f"{n_known:,} of the {len(clicked):,} documents that the log's visitors clicked are among these"
        return f"{of_log} documents, and habits are fitted if half of them are"
    if not site.topics:
        return "No document has enough words to make a need of it, and habits are fitted to simulated needs"
    return ""


def _words(vocabulary: SiteVocabulary, *, named: bool) -> FittedValue:
    """The row of the vocabulary; `named` says whether the log has client ids."""
    if not named:
        return FittedValue("vocabulary", "of a dictionary", "default", "the log has no client ids")
    if not vocabulary.concepts:
        reason = f"no word was typed by {LEAST_VISITORS} visitors or more who clicked documents without it"
        return FittedValue("vocabulary", "of a dictionary", "default", reason)
    n = vocabulary.n_lay_words
    shown = f"{n} word{'' if n == 1 else 's'} for {len(vocabulary.concepts)} of the documents"
    return FittedValue("vocabulary", shown, "log", f"each typed by {LEAST_VISITORS} visitors or more")
