"""What stations and visitors do, as events tell it: restarts, broken links and charges that flap in bursts, attempts that do not
start, charges without energy. And firmware that changes, after which what hangs on firmware is learned anew.

Events are rare, so this is plain Python over arrays. Bursts are held against the station's own rate (Chernoff bound of the
Poisson law), attempts against the port's own share of failures by a cumulative sum of log likelihood ratios (Page, 1954): both
are in nats, so the same alarm level applies.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from models.anomaly.arrays import PortArrays
from models.anomaly.decide import Decider, Evidence
from models.columns import PortIndex
from schemas import telemetry
from schemas.alerts import Alert
from schemas.telemetry import RETAINED, Event

_DAY_US: Final = 86_400_000_000
_HOUR_US: Final = 3_600_000_000
_MONTH: Final = 30.0
_LEAST_RATE: Final = 0.15
"""Restarts, broken links or flaps a day that nobody is blamed for."""
_MOST: Final = 50.0
"""More within a day are not told apart: or a burst of hundreds would be over only after a week."""
_AT_STATION: Final = {"restarts": 3.0, "links": 3.0}
_AT_PORT: Final = {"flaps": 10.0}
"""Bursts, and how many within a day matter."""
_FLAP_US: Final = 60_000_000
"""A charge that goes on so soon after it was suspended was not suspended by a vehicle that had enough."""
_FAILED: Final = 3.0
_PRIOR: Final = (1.5, 50.0)
"""Failed of all attempts that a new port is taken to have behind it."""
_BAD: Final = 0.5
_GATE: Final = 3.0
_WELL: Final = 5.0
"""Attempts in a row that go well, after which what failed before is over."""
_NO_ENERGY_WH: Final = 100.0
_SHORT_US: Final = 180_000_000
_PLANNED: Final = frozenset({"power_up", "firmware_update", "remote_reset", "scheduled_reset", "local_reset"})
_SUSPENDED: Final = ("suspended_ev", "suspended_evse")
_TESTS: Final = ("starts", "charges")


class Doings:
    """Follows the events of all stations of a shard."""

    def __init__(self, version: str) -> None:
        self.decider = Decider(version, salt=".doings")
        self._index, self._a = PortIndex(), PortArrays()
        for name in ("tried", "started", "paused", "down", "firmware"):
            self._a.add(name, np.int64, fill=-1)
        self._a.add("meter", np.float64, fill=np.nan)
        for test in _TESTS:
            for name in ("all", "failed", "sum", "run", "good"):
                self._a.add(f"{test}.{name}", np.float32)
        for burst in (*_AT_STATION, *_AT_PORT):
            self._a.add(f"{burst}.lately", np.float32)
            self._a.add(f"{burst}.usual", np.float32)
            self._a.add(f"{burst}.at", np.int64, fill=-1)
        self._hour = -1

    def bytes_per_port(self) -> int:
        """Bytes of state that one port takes (a station takes as many)."""
        return self._a.bytes_per_port()

    def take(self, events: Sequence[Event], level: float) -> tuple[list[Alert], list[tuple[str, int]]]:
        """Take events in order of arrival: what there is to tell, and stations whose firmware changed, with the time of it."""
        alerts: list[Alert] = []
        renewed: list[tuple[str, int]] = []
        for e in events:
            if e.flags & RETAINED:
                continue
            if e.kind == telemetry.BOOT:
                alerts += self._booted(e, level, renewed)
            elif e.kind == telemetry.CONNECTION:
                alerts += self._linked(e, level)
            elif e.kind in (telemetry.STATUS, telemetry.SESSION_START, telemetry.SESSION_END):
                alerts += self._visited(e, level)
        return alerts, renewed

    def on_time(self, now: int, level: float) -> list[Alert]:
        """At each full hour of log time: whether bursts that were told are over."""
        told: list[Alert] = []
        hour = now // _HOUR_US
        if hour <= self._hour:
            return told
        self._hour = hour
        for port in self.decider.watched():
            told += self._bursts(port, hour * _HOUR_US, hour * _HOUR_US, level)
        return told

    def _slot(self, port: str) -> int:
        slot = self._index.slot(port)
        self._a.grow(len(self._index))
        return slot

    def _booted(self, e: Event, level: float, renewed: list[tuple[str, int]]) -> list[Alert]:
        station = f"{e.port.rpartition('/')[0]}/0"
        i = self._slot(station)
        firmware = e.data.get("firmware")
        if firmware:
            mark = zlib.crc32(str(firmware).encode())
            if self._a["firmware"][i] not in (-1, mark):
                renewed.append((station[:-2], e.at))
            self._a["firmware"][i] = mark
        if e.at <= self._a["restarts.at"][i]:
            return []
        # the link that came back with this start, planned or not, is no broken link
        self._a["links.lately"][i] = max(0.0, float(self._a["links.lately"][i]) - 1.0)
        if e.data.get("reason") in _PLANNED:
            return []
        self._count("restarts", i, e.at)
        return self._bursts(station, e.at, e.received_at, level)

    def _linked(self, e: Event, level: float) -> list[Alert]:
        station = f"{e.port.rpartition('/')[0]}/0"
        i = self._slot(station)
        if e.data.get("connected"):
            if e.at > self._a["links.at"][i] and self._a["down"][i] >= 0:
                self._count("links", i, e.at)
            self._a["down"][i] = -1
            return []
        self._a["down"][i] = e.at
        return self._bursts(station, e.at, e.received_at, level)

    def _count(self, burst: str, i: int, at: int) -> None:
        """One more; the usual rate learns only while nothing is unusual."""
        a = self._a
        gone = max(0, at - int(a[f"{burst}.at"][i])) / _DAY_US if a[f"{burst}.at"][i] >= 0 else 0.0
        lately = min(_MOST, float(a[f"{burst}.lately"][i]) * math.exp(-gone) + 1.0)
        usual = float(a[f"{burst}.usual"][i]) * math.exp(-gone / _MONTH)
        a[f"{burst}.lately"][i], a[f"{burst}.at"][i] = lately, at
        a[f"{burst}.usual"][i] = usual + (_poisson(lately, usual / _MONTH) < _GATE)

    def _bursts(self, port: str, at: int, received: int, level: float) -> list[Alert]:
        """What there is to tell of the bursts of a port, or (port 0) of its station."""
        a, i = self._a, self._slot(port)
        rows = []
        for burst, matters in (_AT_STATION if port.endswith("/0") else _AT_PORT).items():
            last = int(a[f"{burst}.at"][i])
            if last < 0:
                continue
            lately = float(a[f"{burst}.lately"][i]) * math.exp(-max(0, at - last) / _DAY_US)
            usual = max(_LEAST_RATE, float(a[f"{burst}.usual"][i]) / _MONTH)
            nats = _poisson(lately, usual)
            rows.append(
                Evidence(
                    burst, nats, lately, matters, lately, usual, nats >= level and lately >= matters, last, "events"
                )
            )
        return self.decider.tick(port, at, received, rows) if rows else []

    def _visited(self, e: Event, level: float) -> list[Alert]:
        a, i = self._a, self._slot(e.port)
        if e.kind == telemetry.SESSION_START:
            a["tried"][i], a["started"][i] = -1, e.at
            a["meter"][i] = e.data["meter_wh"] if e.data.get("meter_wh") is not None else np.nan
            return self._tested("starts", e, False, level)
        if e.kind == telemetry.SESSION_END:
            return self._ended(e, i, level)
        status = e.data.get("status")
        paused = int(a["paused"][i])
        a["paused"][i] = e.at if status in _SUSPENDED else -1
        if status == "preparing":
            a["tried"][i] = e.at
        elif status == "available" and a["tried"][i] >= 0:
            a["tried"][i] = -1
            return self._tested("starts", e, True, level)
        elif status in ("charging", *_SUSPENDED, "faulted", "unavailable"):
            a["tried"][i] = -1
        if status == "charging" and 0 <= paused <= e.at <= paused + _FLAP_US and e.at > a["flaps.at"][i]:
            self._count("flaps", i, e.at)
            return self._bursts(e.port, e.at, e.received_at, level)
        return []

    def _ended(self, e: Event, i: int, level: float) -> list[Alert]:
        a = self._a
        begun, started = float(a["meter"][i]), int(a["started"][i])
        a["meter"][i], a["started"][i] = np.nan, -1
        end = e.data.get("meter_wh")
        if end is None or math.isnan(begun) or started < 0:
            return []
        failed = float(end) - begun < _NO_ENERGY_WH
        return self._tested("charges", e, failed, level, short=e.at - started < _SHORT_US)

    def _tested(self, test: str, e: Event, failed: bool, level: float, short: bool = False) -> list[Alert]:
        a, i = self._a, self._index.slot(e.port)
        n, f, total = (float(a[f"{test}.{name}"][i]) for name in ("all", "failed", "sum"))
        p = min(0.4, max(0.01, (f + _PRIOR[0]) / (n + _PRIOR[1])))
        total = max(0.0, total + (math.log(_BAD / p) if failed else math.log((1 - _BAD) / (1 - p))))
        a[f"{test}.sum"][i] = min(total, 60.0)
        good = 0.0 if failed else float(a[f"{test}.good"][i]) + 1.0
        a[f"{test}.good"][i] = good
        total = 0.0 if good >= _WELL else total
        run = float(a[f"{test}.run"][i]) + failed if total > 0 else 0.0
        a[f"{test}.run"][i] = run
        if total < _GATE:
            a[f"{test}.all"][i], a[f"{test}.failed"][i] = 0.995 * n + 1, 0.995 * f + failed
        name = "handshakes" if test == "charges" and short else test
        if total < level and e.port not in self.decider.watched():
            return []
        hot = failed and total >= level and run >= _FAILED
        rows = [Evidence(name, total, run, _FAILED, run, 0.0, hot, e.at, "events")]
        if test == "charges":  # one test, two names: the one that was told is followed
            other = "charges" if short else "handshakes"
            rows.append(Evidence(other, total, run, _FAILED, run, 0.0, False, e.at, "events"))
        return self.decider.tick(e.port, e.at, e.received_at, rows)

    def snapshot(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "ports": list(self._index.ports), "arrays": self._a.snapshot(len(self._index)),
            "decider": self.decider.snapshot(), "hour": self._hour,
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        ports = [str(p) for p in state["ports"]]
        self._a.restore(state["arrays"], len(ports))
        self._index = PortIndex(ports)
        self.decider.restore(state["decider"])
        self._hour = int(state["hour"])


def _poisson(seen: float, usual: float) -> float:
    """-ln of a bound on the chance to see `seen` or more where `usual` are usual."""
    usual = max(usual, _LEAST_RATE)
    return seen * math.log(seen / usual) - seen + usual if seen > usual else 0.0


def subset(
    state: Mapping[str, Any], ports: set[str], part: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """The part of a snapshot that concerns `ports` and their stations; `part` cuts the decider's."""
    wanted = ports | {f"{p.rpartition('/')[0]}/0" for p in ports}
    rows = [i for i, p in enumerate(state["ports"]) if p in wanted]
    return {
        **state,
        "ports": [state["ports"][i] for i in rows],
        "arrays": {name: array[rows] for name, array in state["arrays"].items()},
        "decider": part(state["decider"]),
    }
