"""Which words are about which fault: by place and time, the same wherever alerts are held against labels."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

MONTH_S: Final = 365.25 / 12 * 86_400
AFTER_US: Final = timedelta(minutes=10) // timedelta(microseconds=1)
"""How long after a fault's end an alert may still be about it: heat takes time to go."""


def same_place(one: str, other: str) -> bool:
    """Whether two port ids mean the same: equal ones, and number 0 (the station) on either side."""
    (station, _, number), (there, _, at) = one.rpartition("/"), other.rpartition("/")
    return one == other or (station == there and "0" in (number, at))


def about(faults: Sequence[tuple[str, int, int | None]], told: Sequence[tuple[str, int]]) -> list[list[int]]:
    """For each fault (port, start and end in us, None: it stands) the positions in `told` (port, us) of what may be about it.

    That is what is told at its port (its station, for number 0 on either side) from its start until ten minutes after its end.
    Positions rise. O(faults x words of the station).
    """
    by_station: dict[str, list[int]] = defaultdict(list)
    for i, (port, _) in enumerate(told):
        by_station[port.rpartition("/")[0]].append(i)
    return [
        [
            i for i in by_station[port.rpartition("/")[0]]
            if same_place(told[i][0], port) and start <= told[i][1] and (end is None or told[i][1] <= end + AFTER_US)
        ]
        for port, start, end in faults
    ]  # fmt: skip
