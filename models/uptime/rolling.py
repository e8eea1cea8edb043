"""Rolling uptime from hours: up and down of each port and hour, in sixteenths of a second."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.columns import grown

HOURS: Final = 800
"""Hours kept: thirty days, and three for what is repaired late."""
WINDOWS: Final = {"up_1h": 1, "up_24h": 24, "up_7d": 168, "up_30d": 720}
"""Column and window in hours."""
UNIT_US: Final = 62_500

_LONGEST: Final = 720

Slots = NDArray[np.intp]
Sixteenths = NDArray[np.int64]


class Hours:
    """A ring of hours (counted since 1970) for each port. 3,200 bytes a port."""

    def __init__(self) -> None:
        self.up = np.zeros((0, HOURS), np.uint16)
        self.down = np.zeros((0, HOURS), np.uint16)
        self._cache: tuple[tuple[int, int], list[Sixteenths], list[Sixteenths]] | None = None

    def ensure(self, ports: int) -> None:
        """Room for `ports` slots."""
        self.up, self.down = grown(self.up, ports), grown(self.down, ports)

    def put(self, slots: Slots | int, hour: int, up_us: Any, down_us: Any) -> None:
        """What `slots` were in an hour."""
        self.up[slots, hour % HOURS] = np.rint(np.asarray(up_us) / UNIT_US)
        self.down[slots, hour % HOURS] = np.rint(np.asarray(down_us) / UNIT_US)
        self._cache = None

    def clear(self, hour: int) -> None:
        """Nothing is known of an hour yet."""
        self.up[:, hour % HOURS] = 0
        self.down[:, hour % HOURS] = 0
        self._cache = None

    def shares(self, slots: Slots, hour: int, extra: tuple[Sixteenths, Sixteenths] | None = None) -> dict[str, Any]:
        """Uptime of `slots` in the windows that end with `hour`; `extra` (up, down in units) is added to each window."""
        up, observed = self._windows(hour)
        more = (0, 0) if extra is None else (extra[0], extra[0] + extra[1])
        columns: dict[str, Any] = {}
        for i, name in enumerate(WINDOWS):
            columns[name] = share(up[i][slots] + more[0], observed[i][slots] + more[1])
        columns["observed_s_30d"] = (observed[-1][slots] + more[1]) / 16.0
        return columns

    def _windows(self, hour: int) -> tuple[list[Sixteenths], list[Sixteenths]]:
        """Sums of all slots, up and observed, in the windows that end with `hour`; remembered until something changes."""
        if self._cache is None or self._cache[0] != (hour, len(self.up)):
            ups, observed = [], []
            for hours in WINDOWS.values():
                places = np.arange(hour - hours + 1, hour + 1) % HOURS
                ups.append(self.up[:, places].sum(1, dtype=np.int64))
                observed.append(ups[-1] + self.down[:, places].sum(1, dtype=np.int64))
            self._cache = ((hour, len(self.up)), ups, observed)
        return self._cache[1], self._cache[2]

    def history(self, slot: int, first: int, last: int) -> dict[str, Any]:
        """Uptime of one port in the windows that end with each hour from `first` to `last`."""
        places = np.arange(first - _LONGEST + 1, last + 1) % HOURS
        up, down = (
            np.concatenate(([0], np.cumsum(ring[slot, places], dtype=np.int64))) for ring in (self.up, self.down)
        )
        ends = np.arange(_LONGEST, _LONGEST + last - first + 1)
        columns: dict[str, Any] = {}
        for name, hours in WINDOWS.items():
            ups = up[ends] - up[ends - hours]
            observed = ups + down[ends] - down[ends - hours]
            columns[name] = share(ups, observed)
        columns["observed_s_30d"] = observed / 16.0
        return columns

    def snapshot(self, ports: int) -> dict[str, Any]:
        """Copies of the arrays of the first `ports` slots."""
        return {"up": self.up[:ports].copy(), "down": self.down[:ports].copy()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        self.up, self.down = np.array(state["up"]), np.array(state["down"])
        self._cache = None


def share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """`part` of `whole`; NaN where `whole` is 0."""
    return part / np.where(whole > 0, whole, np.nan)
