"""What became of lines, added up by station and hour of receipt, for the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import psycopg
from numpy.typing import NDArray

from connectors.timescale.queries import query
from connectors.timescale.upsert import Outcome

LINES: Final = ("reading", "reading_other", "event", "reject")
"""Tables whose rows are lines of telemetry; everything else is derived and not part of the audit's sum."""

_HOUR_US: Final = 3_600_000_000
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
    """Collects outcomes of lines and writes them down for `audit_hour`, inside the transaction that stored the lines."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._cells: list[NDArray[np.int64]] = []
        self._sums: list[NDArray[np.int64]] = []

    def lines(
        self, table: str, station: NDArray[np.int64], received_at: NDArray[np.int64], outcome: NDArray[np.uint8]
    ) -> None:
        """Add lines of `table`: row i is of the station of code `station[i]`, received at (microseconds), ended as `outcome[i]`.

        A new row of `reject` counts as rejected.
        """
        if len(outcome) == 0:
            return
        kind = np.where(outcome == Outcome.STORED, _REJECTED, outcome) if table == "reject" else outcome
        hour = received_at // _HOUR_US
        first = int(hour.min())
        hours = int(hour.max()) - first + 1
        cells, sums = _counted(station * hours + (hour - first), kind)
        self._cells.append(np.stack([cells // hours, cells % hours + first]))
        self._sums.append(sums)
        for which, number in zip(
            ("stored", "repeated", "superseded", "rejected"), sums.sum(axis=0).tolist(), strict=True
        ):
            setattr(self.counts, which, getattr(self.counts, which) + number)

    def write(self, conn: psycopg.Connection[Any], flow: str, shard: str, stations: Sequence[str]) -> None:
        """Write the sums down; `stations` are named by code."""
        if not self._cells:
            return
        cells, place = np.unique(np.concatenate(self._cells, axis=1), axis=1, return_inverse=True)
        sums = np.zeros((cells.shape[1], _KINDS), np.int64)
        np.add.at(sums, place.reshape(-1), np.concatenate(self._sums))
        names = [stations[code].replace("\0", "\ufffd") for code in cells[0].tolist()]
        numbers = {
            "hour": cells[1], "stored": sums[:, Outcome.STORED], "repeated": sums[:, Outcome.REPEATED],
            "superseded": sums[:, Outcome.SUPERSEDED], "rejected": sums[:, _REJECTED],
        }  # fmt: skip
        texts = {name: "{" + ",".join(map(str, column.tolist())) + "}" for name, column in numbers.items()}
        conn.execute(
            query("add_audit"), {"flow": flow, "shard": shard, "station": orjson.dumps(names).decode(), **texts}
        )


def _counted(cell: NDArray[np.int64], kind: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct cells and, for each, how many rows are of each kind; without a sort where cells lie close together."""
    if int(cell.max()) <= 4 * len(cell) + 1024:
        sums = np.bincount(cell * _KINDS + kind, minlength=(int(cell.max()) + 1) * _KINDS).reshape(-1, _KINDS)
        cells = np.flatnonzero(sums.any(axis=1))
        return cells, sums[cells]
    cells, place = np.unique(cell, return_inverse=True)
    return cells, np.bincount(place * _KINDS + kind, minlength=len(cells) * _KINDS).reshape(-1, _KINDS)
