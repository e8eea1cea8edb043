"""When stations were heard: each message received is a sign of life; too long without one is silence."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.columns import grown, in_order
from models.uptime.gaps import FOREVER, Gaps, Span, without

SETTLE_US: Final = 5_000_000
"""A station counts as silent this much after it is due, so that messages of the same moment may still come in."""

Numbers = NDArray[np.intp]
Times = NDArray[np.int64]


class Presence:
    """Receive times of the messages of each station (by number).

    `least_us` is how long a station may say nothing; after the broker's word that the link is lost, `after_will_us` is
    enough. Only the time in which a bridge was listening counts: a span of silence is what an absence of the bridge leaves
    of a gap, and must be long enough by itself.
    """

    def __init__(self, after_will_us: int) -> None:
        self.after_will_us = after_will_us
        self.first = np.zeros(0, np.int64)
        self.last = np.zeros(0, np.int64)
        self.least = np.zeros(0, np.int64)
        self.gap_end = np.zeros(0, np.int64)
        self.silent: dict[int, list[Span]] = {}
        self._odd: dict[int, Gaps] = {}
        self._lost: set[int] = set()

    def ensure(self, least: Sequence[int]) -> None:
        """Room for stations; `least` are the limits of those that are new."""
        old = len(self.least)
        self.least = np.concatenate([self.least, np.asarray(least, np.int64)])
        n = len(self.least)
        self.first, self.last = grown(self.first[:old], n)[:n], grown(self.last[:old], n)[:n]
        self.gap_end = grown(self.gap_end[:old], n)[:n]

    def signs(self, station: Numbers, at: Times) -> dict[int, int]:
        """Messages of stations came at `at`; station -> earliest time at which its gaps changed.

        O(n) where times of a station rise, as they do; a station with a gap in them costs some microseconds.
        """
        if len(station) == 0:
            return {}
        order = in_order(station)
        station, at = station[order], at[order]
        _sort_times(station, at)
        begins = np.concatenate(([True], station[1:] != station[:-1]))
        before = np.empty_like(at)
        before[1:] = at[:-1]
        before[begins] = self.last[station[begins]]
        wait = at - before
        odd = (wait < 0) | (wait >= self.least[station])
        starts = np.flatnonzero(begins)
        mine = station[starts]
        strange = np.logical_or.reduceat(odd, starts) | (self.last[mine] == 0)
        if self._odd:
            strange |= np.fromiter(
                (s in self._odd and bool(self._odd[s].wills) for s in mine.tolist()), np.bool_, len(mine)
            )
        ends = np.append(starts[1:], len(at)) - 1
        plain = ~strange
        self.last[mine[plain]] = at[ends[plain]]
        changed: dict[int, int] = {}
        for k in np.flatnonzero(strange).tolist():
            self._walk(int(mine[k]), at[starts[k] : ends[k] + 1], changed)
        self._heard(mine, changed)
        return changed

    def _walk(self, station: int, times: Times, changed: dict[int, int]) -> None:
        """Add the signs of one station run by run."""
        gaps = self._gaps(station)
        times = np.unique(times)
        limit = min(gaps.least, gaps.least_after_will) if gaps.wills else gaps.least
        for run in np.split(times, np.flatnonzero(np.diff(times) >= limit) + 1):
            at = gaps.add(int(run[0]), int(run[-1]))
            if at is not None:
                changed[station] = min(at, changed.get(station, at))
        self._keep(station, gaps)

    def _gaps(self, station: int) -> Gaps:
        gaps = self._odd.get(station)
        if gaps is None:
            gaps = Gaps(int(self.least[station]), self.after_will_us)
        gaps.first = int(self.first[station]) or None
        gaps.last = int(self.last[station])
        return gaps

    def _keep(self, station: int, gaps: Gaps) -> None:
        self.first[station], self.last[station] = gaps.first or 0, gaps.last
        gaps.wills = [will for will in gaps.wills if will >= gaps.last or any(a <= will <= b for a, b in gaps.gaps)]
        if gaps.wills and gaps.wills[-1] >= gaps.last:
            self._lost.add(station)
        else:
            self._lost.discard(station)
        if gaps.gaps or gaps.wills or gaps.floor:
            self._odd[station] = gaps
            self.gap_end[station] = gaps.gaps[-1][1] if gaps.gaps else 0

    def _heard(self, stations: Numbers, changed: dict[int, int]) -> None:
        for station in self.silent.keys() & set(stations.tolist()):
            onset = self.silent[station][0][0]
            changed[station] = min(onset, changed.get(station, onset))

    def will(self, station: int, at: int) -> None:
        """The broker said at `at` that the station's link is lost."""
        gaps = self._gaps(station)
        gaps.will(at)
        self._keep(station, gaps)

    # -- silence ------------------------------------------------------------------------------------------------------
    def gaps(self, station: int) -> list[Span]:
        """All gaps of a station; the time since its last sign is the last one, without an end."""
        odd = self._odd.get(station)
        known = [] if odd is None else odd.gaps
        return [*known, (int(self.last[station]), FOREVER)]

    def floor(self, station: int) -> int:
        """From when on all gaps of a station are known."""
        odd = self._odd.get(station)
        return 0 if odd is None else odd.floor

    def silence(self, station: int, unobserved: Sequence[Span], now: int) -> list[Span]:
        """The spans in which the station was silent though a bridge listened, sorted; the last may have no end."""
        if self.last[station] == 0:
            return []
        return [span for span in without(self.gaps(station), unobserved) if self._long_enough(station, span, now)]

    def limit(self, station: int, span: Span) -> int:
        """How long the station may say nothing within `span`."""
        odd = self._odd.get(station)
        least = int(self.least[station])
        if odd is not None and any(span[0] <= will <= span[1] for will in odd.wills):
            return min(self.after_will_us, least)
        return least

    def _long_enough(self, station: int, span: Span, now: int) -> bool:
        until = span[1] if span[1] != FOREVER else now - SETTLE_US
        return until - span[0] >= self.limit(station, span)

    def overdue(self, now: int) -> list[int]:
        """Stations that may have fallen silent by `now` and are not known to be."""
        waits = now - SETTLE_US - self.last
        found = set(np.flatnonzero((self.last > 0) & (waits >= self.least)).tolist())
        found.update(
            s for s, gaps in self._odd.items() if gaps.wills and waits[s] >= min(self.after_will_us, int(self.least[s]))
        )
        return sorted(found - self.silent.keys())

    def note(self, station: int, spans: Sequence[Span]) -> int | None:
        """`spans` are the silences known of a station; from when on those since its last sign are others than were noted."""
        since = [span for span in spans if span[0] >= self.last[station]]
        noted = self.silent.pop(station, [])
        if since:
            self.silent[station] = since
        return None if since == noted else min(span[0] for span in (*since, *noted))

    def snapshot(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "first": self.first.copy(),
            "last": self.last.copy(),
            "odd": [[s, [list(gap) for gap in g.gaps], list(g.wills), g.floor] for s, g in self._odd.items()],
            "silent": [[s, [list(span) for span in spans]] for s, spans in sorted(self.silent.items())],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; `ensure` must have been called for as many stations."""
        self.first, self.last = np.array(state["first"]), np.array(state["last"])
        self._odd = {}
        self.gap_end = np.zeros(len(self.last), np.int64)
        for station, gaps, wills, floor in state["odd"]:
            odd = Gaps(int(self.least[station]), self.after_will_us, wills=list(wills), floor=floor)
            odd.gaps = [(a, b) for a, b in gaps]
            self._odd[station] = odd
            self.gap_end[station] = odd.gaps[-1][1] if odd.gaps else 0
        self._lost = {s for s, odd in self._odd.items() if odd.wills and odd.wills[-1] >= self.last[s]}
        self.silent = {int(s): [(a, b) for a, b in spans] for s, spans in state["silent"]}


def _sort_times(station: Numbers, at: Times) -> None:
    """Put the times of each station (which stand together) in order, in place."""
    fell = np.flatnonzero((at[1:] < at[:-1]) & (station[1:] == station[:-1]))
    if len(fell) == 0:
        return
    disordered = np.zeros(int(station[-1]) + 1, np.bool_)
    disordered[station[fell]] = True
    rows = np.flatnonzero(disordered[station])
    at[rows] = at[rows][np.lexsort((at[rows], station[rows]))]
