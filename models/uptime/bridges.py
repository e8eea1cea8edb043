"""When the bridges were connected: the time in which nobody could have heard a station is unobserved."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.uptime.gaps import FOREVER, Gaps, Span, common
from schemas.telemetry import BridgeBeat

GRACE_US: Final = 30_000_000
"""A bridge that is away for less was not away."""
SERVED_US: Final = 48 * 3_600_000_000
"""A bridge that brought nothing of a station for this long serves it no more."""

_HOUR_US: Final = 3_600_000_000


class Bridges:
    """Coverage of each bridge, and which bridges serve which station (by number).

    A bridge was there when it said so (`BridgeBeat`, from `since` to `at`) and when it brought a message. A station is
    unobserved while none of the bridges that serve it was there. Before the first sign of any of them nothing is known, and
    nothing is said.
    """

    def __init__(self) -> None:
        self._cover: dict[str, Gaps] = {}
        self._away: set[str] = set()
        self._served: dict[int, dict[str, int]] = {}
        self._stations: dict[str, set[int]] = {}

    def hear(self, beats: Iterable[BridgeBeat]) -> dict[str, int]:
        """Take heartbeats; bridge -> earliest time at which its absences changed."""
        changed: dict[str, int] = {}
        for beat in beats:
            if beat.connected:
                self._add(changed, beat.bridge, min(beat.since, beat.at), beat.at)
        return changed

    def bring(self, bridge: str, times: NDArray[np.int64]) -> dict[str, int]:
        """Messages came by way of `bridge` at `times` (microseconds, any order)."""
        changed: dict[str, int] = {}
        if len(times) > 1 and (times[1:] < times[:-1]).any():
            times = np.sort(times)
        cuts = np.flatnonzero(np.diff(times) >= GRACE_US) + 1
        for part in np.split(times, cuts) if len(cuts) else (times,):
            self._add(changed, bridge, int(part[0]), int(part[-1]))
        return changed

    def _add(self, changed: dict[str, int], bridge: str, start: int, end: int) -> None:
        cover = self._cover.get(bridge)
        if cover is None:
            cover = self._cover[bridge] = Gaps(GRACE_US)
        last = cover.last
        at = cover.add(start, end)
        if bridge in self._away and cover.last > last:
            self._away.discard(bridge)
            at = min(last, at if at is not None else last)
        if at is not None:
            changed[bridge] = min(at, changed.get(bridge, at))

    def serve(self, station: int, bridge: str, at: int) -> bool:
        """`bridge` brought a message of `station` at about `at`; whether the bridges that serve it are others than before."""
        served = self._served.setdefault(station, {})
        hour = at // _HOUR_US
        if served.get(bridge, -1) >= hour and bridge in served:
            return False
        new = bridge not in served
        served[bridge] = max(hour, served.get(bridge, hour))
        self._stations.setdefault(bridge, set()).add(station)
        newest = max(served.values())
        gone = [name for name, last in served.items() if (newest - last) * _HOUR_US > SERVED_US]
        for name in gone:
            del served[name]
            self._stations[name].discard(station)
        return new or bool(gone)

    def stations(self, bridge: str) -> set[int]:
        """The stations that `bridge` serves."""
        return self._stations.get(bridge, set())

    def look(self, now: int) -> dict[str, int]:
        """Log time has come to `now`: bridges that have been away for long enough since, and from when."""
        found = {}
        for bridge, cover in self._cover.items():
            if bridge not in self._away and now - cover.last >= GRACE_US:
                self._away.add(bridge)
                found[bridge] = cover.last
        return found

    def unobserved(self, station: int) -> list[Span]:
        """The spans in which no bridge of the station was there, sorted and disjoint."""
        covers = [(name, self._cover[name]) for name in self._served.get(station, ()) if name in self._cover]
        if not covers:
            return []
        known = min(cover.first or 0 for _, cover in covers)
        spans: list[Span] = [(known, FOREVER)]
        for name, cover in covers:
            away = list(cover.gaps)
            if cover.first is not None and cover.first > known:
                away.insert(0, (known, cover.first))
            if name in self._away:
                away.append((cover.last, FOREVER))
            spans = common(spans, away)
        return spans

    def floor(self, station: int) -> int:
        """From when on all absences of the station's bridges are known."""
        return max(
            (self._cover[name].floor for name in self._served.get(station, ()) if name in self._cover), default=0
        )

    def snapshot(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "cover": {
                name: [c.first, c.last, [list(gap) for gap in c.gaps], c.floor] for name, c in self._cover.items()
            },
            "away": sorted(self._away),
            "served": [[station, dict(served)] for station, served in self._served.items()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        self._cover = {
            name: Gaps(GRACE_US, first=first, last=last, gaps=[(a, b) for a, b in gaps], floor=floor)
            for name, (first, last, gaps, floor) in state["cover"].items()
        }
        self._away = set(state["away"])
        self._served = {int(station): dict(served) for station, served in state["served"]}
        self._stations = {}
        for station, served in self._served.items():
            for name in served:
                self._stations.setdefault(name, set()).add(station)
