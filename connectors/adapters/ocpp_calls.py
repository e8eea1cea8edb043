"""What has to be remembered between OCPP frames of a station: calls that wait for their answer, and where sessions run.

An answer does not say what it answers, and StopTransaction does not say at which connector. The memory is bounded: of each
station the newest `PER_STATION` calls a side and `SESSIONS` sessions; of all stations the `STATIONS` heard last.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PER_STATION: Final = 4
"""OCPP allows one call at a time and direction; a few more are for repeats after a lost connection."""
SESSIONS: Final = 32
STATIONS: Final = 50_000


@dataclass(slots=True)
class Pending:
    """A call that waits for its answer, with what its answer needs to be understood. `at` is settled, `token` hashed."""

    action: str
    port: int = 0
    at: int | None = None
    token: str | None = None
    session: str | None = None
    meter_wh: float | None = None

    def plain(self) -> tuple[Any, ...]:
        """The fields in order."""
        return self.action, self.port, self.at, self.token, self.session, self.meter_wh


@dataclass(slots=True)
class _Station:
    """`asked` by side (True: the station's own calls) and id, oldest first; `ports` of sessions by id; `open` by port, with
    the id where it is known."""

    asked: dict[tuple[bool, str], Pending] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    open: dict[int, str | None] = field(default_factory=dict)


class Calls:
    """The memory of all stations of a partition. `snapshot` is plain data; its size follows the number of stations."""

    VERSION: Final = 1

    def __init__(self) -> None:
        self._stations: dict[str, _Station] = {}

    def asked(self, station: str, by_station: bool, message_id: str, pending: Pending) -> None:
        """Remember a call."""
        asked = self._station(station).asked
        asked.pop((by_station, message_id), None)
        asked[by_station, message_id] = pending
        same = [key for key in asked if key[0] == by_station]
        for key in same[:-PER_STATION]:
            del asked[key]

    def answered(self, station: str, by_station: bool, message_id: str) -> Pending | None:
        """The call that an answer belongs to, which is then forgotten; None if there is none. `by_station`: of the call."""
        known = self._stations.get(station)
        return known.asked.pop((by_station, message_id), None) if known else None

    def began(self, station: str, port: int, session: str | None) -> None:
        """A session runs at `port`; `session` is its id, None while it has none."""
        known = self._station(station)
        known.open.pop(port, None)
        known.open[port] = session
        for old in list(known.open)[:-SESSIONS]:
            del known.open[old]
        if session is not None:
            self.linked(station, port, session)

    def linked(self, station: str, port: int, session: str) -> None:
        """The session `session` is, or was, one of `port`."""
        known = self._station(station)
        known.ports.pop(session, None)
        known.ports[session] = port
        for past in list(known.ports)[:-SESSIONS]:
            del known.ports[past]
        if port in known.open and known.open[port] is None:
            known.open[port] = session

    def ended(self, station: str, session: str | None) -> int | None:
        """The port of a session that ended: by its id, else that of the only open session; None if that is not known."""
        known = self._stations.get(station)
        if known is None:
            return None
        port = known.ports.get(session) if session is not None else None
        if port is None:
            nameless = [p for p, name in known.open.items() if name is None or session is None]
            port = nameless[0] if len(nameless) == 1 else None
        if port is not None and known.open.get(port) in (None, session):
            known.open.pop(port, None)
        return port

    def port_of(self, station: str, session: str | None) -> int | None:
        """The port at which the session `session` runs or ran."""
        known = self._stations.get(station)
        return known.ports.get(session) if known and session is not None else None

    def snapshot(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers."""
        return {
            "v": self.VERSION,
            "stations": {
                name: {
                    "asked": [[side, key, *pending.plain()] for (side, key), pending in s.asked.items()],
                    "ports": dict(s.ports),
                    "open": [[port, session] for port, session in s.open.items()],
                }
                for name, s in self._stations.items()
                if s.asked or s.ports or s.open
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError for a version that this one does not know."""
        if state.get("v") != self.VERSION:
            raise ValueError(f"memory of OCPP calls of version {state.get('v')}, this is {self.VERSION}")
        self._stations = {
            name: _Station(
                {(bool(side), str(key)): Pending(*pending) for side, key, *pending in s["asked"]},
                dict(s["ports"]),
                {int(port): session for port, session in s["open"]},
            )
            for name, s in state["stations"].items()
        }

    def _station(self, name: str) -> _Station:
        known = self._stations.pop(name, None) or _Station()
        self._stations[name] = known
        if len(self._stations) > STATIONS:
            del self._stations[next(iter(self._stations))]
        return known
