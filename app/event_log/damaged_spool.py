"""What can still be read of a spool file that SQLite finds damaged."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

PATIENT_IDS = 1000
"""So many unreadable ids in a row are tried one by one; the steps grow after them, to come to an end."""

MAX_ID = 2**62
"""No file counts so far: a higher id comes from damage, and would leave no room for new ones."""

_FROM_ID = "SELECT event_id, time, crc, body FROM events WHERE event_id >= ? ORDER BY event_id LIMIT 1"


def readable_rows(damaged: sqlite3.Connection) -> Iterator[tuple[int, float, int, bytes]]:
    """The rows of a damaged file that can be read and whose checksum matches.

    One query for each: an error ends a query, and a cursor reads a row ahead of the one that it gives.
    """
    try:
        damaged.execute("SELECT event_id FROM events LIMIT 0")
    except sqlite3.Error:  # there is no such table
        return
    following = 1
    while following < MAX_ID:
        try:
            row = damaged.execute(_FROM_ID, (following,)).fetchone()
        except sqlite3.Error:
            following = _next_start(damaged, following)
            continue
        if row is None:
            return
        if row[0] < MAX_ID and _intact(*row[1:]):
            yield row
        following = row[0] + 1


def _next_start(damaged: sqlite3.Connection, unreadable: int) -> int:
    """The first id above an unreadable one from which a query can begin; at least MAX_ID where there is none.

    Ids have gaps of millions where one event has waited long: hence steps that grow by a thousandth of what is passed
    over, and a bisection of the last one.
    """
    low, high = unreadable, unreadable + 1
    while high < MAX_ID and not _can_start(damaged, high):
        low, high = high, high + 1 + (high - unreadable) // PATIENT_IDS
    while high < MAX_ID and high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _can_start(damaged, middle) else (middle, high)
    return high


def _can_start(damaged: sqlite3.Connection, event_id: int) -> bool:
    try:
        damaged.execute(_FROM_ID, (event_id,)).fetchall()
    except sqlite3.Error:
        return False
    return True


def _intact(time: object, crc: object, body: object) -> bool:
    return isinstance(time, float) and isinstance(body, bytes) and zlib.crc32(body) == crc
