"""Device clocks: reading their times, and replacing those that cannot be."""

from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

EARLIEST_US: Final = 1_577_836_800_000_000
"""2020-01-01: a clock that shows an earlier year was never set."""

UNREADABLE: Final = 0
"""Stands for a time that was said but cannot be read: implausible, so the receive time replaces it and a flag tells."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Ints = NDArray[np.int64]


def micros(moment: datetime) -> int:
    """Microseconds since the epoch; a time without a zone counts as UTC. Exact."""
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    past = zoned - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def read_iso(text: str | None) -> int | None:
    """Microseconds of an ISO 8601 time as OCPP stations write it, zone or not; None if blank, `UNREADABLE` if it is none."""
    if text is None or not text.strip():
        return None
    try:
        return micros(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return UNREADABLE


def plausible(at: int, received_at: int, ahead_us: int) -> bool:
    """Whether a device clock may show `at` in a message received at `received_at`: no earlier than 2020, not far ahead."""
    return EARLIEST_US <= at <= received_at + ahead_us


def settle(at: Ints, received_at: Ints, ahead_us: int) -> tuple[Ints, NDArray[np.bool_]]:
    """`at` with implausible times replaced by `received_at`, and which ones were; arrays of one shape."""
    wrong = (at < EARLIEST_US) | (at > received_at + ahead_us)
    return (np.where(wrong, received_at, at) if wrong.any() else at), wrong


def settle_series(at: Ints, received_at: int, ahead_us: int) -> tuple[Ints, NDArray[np.bool_]]:
    """As `settle` for the rows of one message, which keep their distances: the newest wrong one becomes the receive time.

    So a buffer filled before the clock was set does not fall onto one instant. Rows that would still be implausible get the
    receive time itself.
    """
    wrong = (at < EARLIEST_US) | (at > received_at + ahead_us)
    if not wrong.any():
        return at, wrong
    shifted = received_at - (at[wrong].max() - at[wrong])
    settled = at.copy()
    settled[wrong] = np.where(shifted < EARLIEST_US, received_at, shifted)
    return settled, wrong
