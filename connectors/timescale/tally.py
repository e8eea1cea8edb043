"""What became of lines, added up by station and hour of receipt, for the audit."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray

from connectors.timescale.queries import query
from connectors.timescale.upsert import Outcome

LINES: Final = ("reading", "reading_other", "event", "reject")
"""Tables whose rows are lines of telemetry; everything else is derived and not part of the audit's sum."""

_HOUR_US: Final = 3_600_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Final = len(Outcome) + 1
_REJECTED: Final = len(Outcome)


@dataclass(slots=True)
class Counts:
    """Lines of one write. `dropped` were stored by an earlier write already and are in no sum."""

    stored: int = 0
    repeated: int = 0
    superseded: int = 0
    rejected: int = 0
    dropped: int = 0

    @property
    def received(self) -> int:
        """All lines that this write accounts for."""
        return self.stored + self.repeated + self.superseded + self.rejected

    def add(self, more: "Counts") -> None:
        """Add `more` to the sums."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(more, name))


class Tally:
    """Collects outcomes of lines and writes them to `audit_hour`, inside the transaction that stored the lines."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._sums: dict[tuple[str, int], NDArray[np.int64]] = defaultdict(lambda: np.zeros(_KINDS, np.int64))

    def lines(
        self,
        table: str,
        stations: Sequence[str],
        station: NDArray[np.integer[Any]],
        received_at: NDArray[np.int64],
        outcome: NDArray[np.uint8],
    ) -> None:
        """Add lines of `table`: row i is of `stations[station[i]]`, received at (microseconds) and ended as `outcome[i]`.

        A new row of `reject` counts as rejected.
        """
        if len(outcome) == 0:
            return
        kind = np.where(outcome == Outcome.STORED, _REJECTED, outcome) if table == "reject" else outcome
        hour = np.asarray(received_at) // _HOUR_US
        first = int(hour.min())
        hours = int(hour.max()) - first + 1
        cell = (np.asarray(station, np.int64) * hours + hour - first) * _KINDS + kind
        cells, numbers = np.unique(cell, return_counts=True)
        for code, number in zip(cells.tolist(), numbers.tolist(), strict=True):
            rest, which = divmod(code, _KINDS)
            place, offset = divmod(rest, hours)
            self._sums[stations[place], first + offset][which] += number
        for which, name in enumerate(("stored", "repeated", "superseded", "rejected")):
            setattr(self.counts, name, getattr(self.counts, name) + int(np.count_nonzero(kind == which)))

    def write(self, conn: psycopg.Connection[Any], flow: str) -> None:
        """Add the sums to `audit_hour`."""
        if not self._sums:
            return
        keys = list(self._sums)
        columns = np.array([self._sums[key] for key in keys])
        conn.execute(
            query("add_audit"),
            {
                "flow": flow,
                "station": [station for station, _ in keys],
                "hour": [_EPOCH + timedelta(hours=hour) for _, hour in keys],
                "stored": columns[:, Outcome.STORED].tolist(),
                "repeated": columns[:, Outcome.REPEATED].tolist(),
                "superseded": columns[:, Outcome.SUPERSEDED].tolist(),
                "rejected": columns[:, _REJECTED].tolist(),
            },
        )
