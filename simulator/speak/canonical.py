"""The canonical messages of Chargewell: one JSON object a reading or event (`schemas.messages`)."""

from typing import Any

from simulator.fleet import Station
from simulator.speak.message import Message, Row, Session, dumps, event


class Canonical:
    """A station that speaks Chargewell's own format."""

    def __init__(self, station: Station) -> None:
        self.station = station

    def boot(self, at_us: int, reason: str) -> list[Message]:
        """An event `boot`."""
        s = self.station
        data = {"reason": reason, "vendor": s.model.vendor, "model": s.model.name}
        return [event(at_us, 0, "boot", data | {"firmware": s.firmware, "serial": s.serial})]

    def alive(self, at_us: int) -> list[Message]:
        """A heartbeat message."""
        return [Message("heartbeat", dumps({"at": at_us // 1000}))]

    def status(self, at_us: int, port: int, status: str, error: str = "", code: str = "") -> list[Message]:
        """An event `status`."""
        data = {"status": status, "error": error, "vendor_code": code}
        return [event(at_us, port, "status", {k: v for k, v in data.items() if v})]

    def authorize(self, at_us: int, port: int, token: str, accepted: bool) -> list[Message]:
        """An event `authorize`."""
        return [event(at_us, port, "authorize", {"token": token, "result": "accepted" if accepted else "invalid"})]

    def session_start(self, at_us: int, session: Session, offline: bool) -> list[Message]:
        """An event `session_start`."""
        data: dict[str, Any] = {"session": session.name, "token": session.token, "meter_wh": session.meter_start}
        return [event(at_us, session.port, "session_start", _late(data, offline), keep=True)]

    def session_state(self, at_us: int, session: Session, state: str, offline: bool) -> list[Message]:
        """Nothing: the status of the port says it."""
        return []

    def session_end(self, at_us: int, session: Session, meter: int, reason: str, offline: bool) -> list[Message]:
        """An event `session_end`."""
        data: dict[str, Any] = {"session": session.name, "meter_wh": meter, "reason": reason}
        return [event(at_us, session.port, "session_end", _late(data, offline), keep=True)]

    def reading(
        self, at_us: int, port: int, row: Row, other: Row, session: Session | None, offline: bool
    ) -> list[Message]:
        """A `reading`."""
        at = at_us // 1000
        body: dict[str, Any] = {"port": port, "at": at, **row}
        if other:
            body["other"] = other
        described = ((f"{self.station.station}/{port}", at * 1000),)
        return [Message("reading", dumps(body), session is not None, described, 1 + len(other))]


def _late(data: dict[str, Any], offline: bool) -> dict[str, Any]:
    return data | {"offline": True} if offline else data
