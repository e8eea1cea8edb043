"""Alerts of the uptime flow: stations that say nothing, ports that say that they are faulted.

Onset and time of an alert follow from the data, so a flow that catches up says what it would have said at the time.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from models.uptime.gaps import FOREVER, Span
from schemas.alerts import Alert, AlertState, alert_id, moment
from schemas.faults import FaultFamily, catalogue, error_code, family_of
from schemas.telemetry import FAULT, RETAINED, STATUS, Event

_SILENCE: Final = "communication"
_SOURCES: Final = 32
"""Sources of reports remembered of a port; the one that was heard of longest ago goes first."""


class Silences:
    """Alerts of kind `silence`, port `<station>/0`: raised when a station has said nothing for too long, cleared by its next word."""

    def __init__(self, source: str, version: str) -> None:
        self._source, self._version = source, version
        self._open: dict[str, list[int]] = {}
        self._until: dict[str, int] = {}

    def tell(self, station: str, spans: list[Span], limits: list[int], now: int) -> Iterator[Alert]:
        """The news in `spans`, the silences of a station that are known by now (see `Presence.silence`); `limits` in microseconds.

        A silence that began before the end of one that was told already is not told again: it is history put right.
        """
        told = self._open.get(station)
        if told is not None:
            onset, limit = told
            ends = [end for start, end in spans if start == onset]
            if ends == [FOREVER]:
                return
            del self._open[station]
            over = ends[0] if ends else onset + limit
            self._until[station] = over
            yield self._alert(station, onset, limit, over)
        for (start, end), limit in zip(spans, limits, strict=True):
            if start < self._until.get(station, 0):
                continue
            self._until[station] = end
            yield self._alert(station, start, limit, None)
            if end == FOREVER:
                self._open[station] = [start, limit]
                self._until[station] = start
            else:
                yield self._alert(station, start, limit, end)

    def _alert(self, station: str, onset: int, limit: int, over: int | None) -> Alert:
        port, family = f"{station}/0", catalogue()[_SILENCE]
        since = f"{moment(onset):%Y-%m-%d %H:%M:%S} UTC"
        said = f"Station {station} said nothing from {since}"
        return Alert(
            id=alert_id(self._source, port, _SILENCE, onset),
            revision=1 if over is None else 2,
            port=port,
            family=_SILENCE,
            kind="silence",
            severity=family.severity,
            state="raised" if over is None else "cleared",
            onset_at=moment(onset),
            raised_at=moment(onset + limit),
            cleared_at=None if over is None else moment(over),
            evidence={"last_sign_at": moment(onset).isoformat(), "threshold_s": limit / 1e6},
            text=f"Station {station} has said nothing since {since}."
            if over is None
            else f"{said} to {moment(over):%Y-%m-%d %H:%M:%S} UTC.",
            source=self._source,
            source_version=self._version,
        )

    def snapshot(self) -> dict[str, Any]:
        """Plain data."""
        return {"open": {s: list(told) for s, told in self._open.items()}, "until": dict(self._until)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        self._open = {s: list(told) for s, told in state["open"].items()}
        self._until = dict(state["until"])


class Troubles:
    """Alerts of kind `status`: one episode a port and fault family, from the first report of a fault to the end of the last.

    Live: a status or fault counts only if it is newer than the last one of its source (connector or code) that was taken;
    what comes late is history. Several codes of one family are one episode.
    """

    def __init__(self, source: str, version: str) -> None:
        self._source, self._version = source, version
        self._taken: dict[str, dict[str, int]] = {}
        self._open: dict[str, dict[str, dict[str, Any]]] = {}

    def take(self, event: Event) -> Iterator[Alert]:
        """The news in a status or fault event."""
        at = event.received_at if event.flags & RETAINED else event.at
        source, code, active = _report(event)
        taken = self._taken.setdefault(event.port, {})
        if at < taken.get(source, at):
            return
        if event.kind == STATUS or active or source in taken:
            taken.pop(source, None)
            taken[source] = at
            while len(taken) > _SOURCES:
                del taken[next(iter(taken))]
        family = (family_of(code) or "unknown") if active else None
        faulted = event.data.get("status") == "faulted"
        episodes = self._open.get(event.port, {})
        for name, episode in list(episodes.items()):
            if name != family and source in episode["sources"]:
                episode["sources"].remove(source)
                if not episode["sources"]:
                    del episodes[name]
                    yield self._alert(event.port, name, episode, "cleared", max(at, episode["raised_at"]))
        if family is not None:
            yield from self._raise(event, family, source, code, at, faulted)

    def _raise(
        self, event: Event, family: str, source: str, code: str | None, at: int, faulted: bool
    ) -> Iterator[Alert]:
        episodes = self._open.setdefault(event.port, {})
        episode = episodes.get(family)
        if episode is None:
            raised_at = max(event.received_at, at)
            episode = episodes[family] = {
                "onset": at, "raised_at": raised_at, "revision": 1, "sources": [source], "code": code, "faulted": faulted,
                "info": event.data.get("info"),
            }  # fmt: skip
            yield self._alert(event.port, family, episode, "raised", None)
            return
        if source not in episode["sources"]:
            episode["sources"].append(source)
        if faulted and not episode["faulted"]:
            episode |= {"faulted": True, "code": code or episode["code"], "revision": episode["revision"] + 1}
            yield self._alert(event.port, family, episode, "updated", None)

    def _alert(self, port: str, name: str, episode: dict[str, Any], state: AlertState, over: int | None) -> Alert:
        family = catalogue()[name]
        return Alert(
            id=alert_id(self._source, port, name, episode["onset"]),
            revision=episode["revision"] + (state == "cleared"),
            port=port,
            family=name,
            kind="status",
            severity=family.severity,
            state=state,
            onset_at=moment(episode["onset"]),
            raised_at=moment(episode["raised_at"]),
            cleared_at=None if over is None else moment(over),
            evidence={"code": episode["code"], "faulted": episode["faulted"], "info": episode["info"]},
            text=_words(port, family, episode, over is not None),
            source=self._source,
            source_version=self._version,
        )

    def snapshot(self) -> dict[str, Any]:
        """Plain data."""
        copied = {
            port: {name: episode | {"sources": list(episode["sources"])} for name, episode in episodes.items()}
            for port, episodes in self._open.items()
        }
        return {"taken": {port: dict(taken) for port, taken in self._taken.items()}, "open": copied}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        self._taken = {port: dict(taken) for port, taken in state["taken"].items()}
        self._open = {
            port: {name: episode | {"sources": list(episode["sources"])} for name, episode in episodes.items()}
            for port, episodes in state["open"].items()
        }


def _report(event: Event) -> tuple[str, str | None, bool]:
    """Source of the report, its code, and whether it reports a fault."""
    if event.kind == FAULT:
        code = event.data.get("code")
        return f"fault {code}", code, event.data.get("active") is not False and bool(code)
    code = error_code(event.data)
    return f"connector {event.data.get('connector')}", code, code is not None or event.data.get("status") == "faulted"


def _words(port: str, family: FaultFamily, episode: dict[str, Any], over: bool) -> str:
    where = f"Station {port.rpartition('/')[0]}" if port.endswith("/0") else f"Port {port}"
    what = "reported itself faulted" if episode["faulted"] else "reported an error"
    code = f" ({episode['code']})" if episode["code"] else ""
    return f"{where} {what}{code}: {family.title}." + (" It is over." if over else "")
