"""The operator `uptime`: signs of life and status facts in; availability, rolling and daily uptime, and alerts out."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from models.columns import Batch, grown
from models.operator import Outputs
from models.uptime.alerts import Silences, Troubles
from models.uptime.bridges import Bridges
from models.uptime.evidence import CELL_US, Evidence, spans_of
from models.uptime.evidence import Presence as Cells
from models.uptime.facts import Fact, Facts, status_of
from models.uptime.gaps import FOREVER
from models.uptime.intervals import Known
from models.uptime.late import Dark, late_readings
from models.uptime.line import Line
from models.uptime.presence import Presence
from models.uptime.signs import Names, Signs, is_sign
from models.uptime.tables import Tables
from schemas.assets import PortFacts
from schemas.faults import error_code
from schemas.telemetry import CONNECTION, FAULT, RETAINED, STATUS, Event

SILENCE_S: Final = 300.0
"""A station may say nothing for this long, or for two heartbeats, whichever is longer."""
LINK_LOST_S: Final = 30.0
"""After the broker's word that a station's link is lost (its last will), this long."""
HORIZON_DAYS: Final = 3.0
"""What arrives later than this leaves older time as it is."""

_DAY_US: Final = 86_400_000_000


class Uptime:
    """Availability of the ports of one shard.

    Rules of the timeline (docs/uptime.md has them with reasons): status facts hold from their event time on; a station that
    says nothing for too long is down from its last sign to its next; while no bridge that serves it was connected it is
    unobserved; energy that provably flowed meanwhile is up; before the first sign of a port there is nothing. Tables follow
    from what was told by log time, not from how it was cut into batches; what arrives late rewrites the past up to three
    days back. State: about 5 KB a port. A batch of 20,000 readings of 2,000 ports takes about 1 ms.
    """

    name = "uptime"
    version = 1
    memory_days = 35.0

    def __init__(
        self,
        facts: Mapping[str, PortFacts] | None = None,
        *,
        silence_s: float = SILENCE_S,
        link_lost_s: float = LINK_LOST_S,
        horizon_days: float = HORIZON_DAYS,
    ) -> None:
        self._facts: Mapping[str, PortFacts] = facts or {}
        self._silence_us = round(silence_s * 1e6)
        self._horizon_us = round(horizon_days * _DAY_US)
        self._names = Names()
        self._presence = Presence(round(link_lost_s * 1e6))
        self._bridges = Bridges()
        self._dark_end = np.zeros(0, np.int64)
        self._first = np.zeros(0, np.int64)
        self._of_port: list[Facts] = []
        self._of_station: dict[int, Facts] = {}
        self._evidence: dict[int, Evidence] = {}
        self._present: dict[int, Cells] = {}
        self._lines: dict[int, Line] = {}
        self._silences = Silences(self.name, str(self.version))
        self._troubles = Troubles(self.name, str(self.version))
        self._tables = Tables(self._names, self._lines, self._horizon_us)
        self._dirty: dict[int, int] = {}

    @property
    def facts(self) -> Mapping[str, PortFacts]:
        """What is known of ports."""
        return self._facts

    @facts.setter
    def facts(self, facts: Mapping[str, PortFacts]) -> None:
        self._facts = facts
        self._presence.least[:] = [self._limit(name) for name in self._names.stations.ports]
        self._tables.ensure([self._zone(port) for port in self._names.ports.ports])

    def on_batch(self, batch: Batch) -> Outputs:
        """Take what was said, then look at the time."""
        out = Outputs()
        signs = self._names.signs(batch)
        self._ensure()
        for event in batch.events:
            if event.kind == CONNECTION and event.data.get("connected") is False:
                self._presence.will(self._names.place(event.port)[0], event.received_at)
        heard = self._presence.signs(signs.station, signs.received_at)
        self._begin(signs)
        self._hear_bridges(batch, signs)
        for station, since in heard.items():
            self._touch(station, since)
        self._touch_bridges(self._bridges.look(batch.now))
        self._settle(batch, signs)
        for event in batch.events:
            self._take(event, batch.now, out)
        self._look(batch.now, heard, out)
        self._tell(batch.now, out)
        return out

    def on_time(self, now: int) -> Outputs:
        """See who has fallen silent by `now`, and close minutes, hours and days."""
        out = Outputs()
        self._look(now, {}, out)
        self._tell(now, out)
        return out

    # -- who is there -------------------------------------------------------------------------------------------------
    def _ensure(self) -> None:
        names = self._names
        known = len(self._presence.least)
        if len(names.stations) > known:
            self._presence.ensure([self._limit(name) for name in names.stations.ports[known:]])
            self._dark_end = grown(self._dark_end, len(names.stations))
        if len(names.ports) > len(self._of_port):
            self._of_port += [Facts(self._horizon_us) for _ in range(len(names.ports) - len(self._of_port))]
            self._first = grown(self._first, len(names.ports), FOREVER)
            self._tables.ensure([self._zone(port) for port in names.ports.ports])

    def _limit(self, station: str) -> int:
        """How long a station may say nothing, in microseconds."""
        of_station = [self._facts.get(f"{station}/0"), *(self._facts.get(f"{station}/{n}") for n in range(1, 9))]
        beats = [facts.heartbeat_s for facts in of_station if facts is not None and facts.heartbeat_s]
        return max(self._silence_us, round(2e6 * max(beats, default=0.0)))

    def _zone(self, port: str) -> str:
        facts = self._facts.get(port)
        return "UTC" if facts is None else facts.time_zone

    def _begin(self, signs: Signs) -> None:
        """First signs of ports."""
        own = signs.slot >= 0
        slot, at = (signs.slot, signs.received_at) if own.all() else (signs.slot[own], signs.received_at[own])
        earlier = at < self._first[slot]
        if earlier.any():
            np.minimum.at(self._first, slot[earlier], at[earlier])
            for one in np.unique(slot[earlier]).tolist():
                self._touch_port(one, int(self._first[one]))

    def _hear_bridges(self, batch: Batch, signs: Signs) -> None:
        for name, bridge in batch.served.items():
            if name in self._names.stations:
                station = self._names.stations.slot(name)
                if self._bridges.serve(station, bridge, batch.now):
                    self._touch(station, 0)
        changed = self._bridges.hear(batch.beats)
        bridges = set(batch.served.values())
        for bridge in sorted(bridges):
            mine = signs.received_at
            if len(bridges) > 1:
                served = np.array([batch.served.get(name) == bridge for name in self._names.stations.ports], np.bool_)
                mine = mine[served[signs.station]]
            if len(mine):
                for name, at in self._bridges.bring(bridge, mine).items():
                    changed[name] = min(at, changed.get(name, at))
        self._touch_bridges(changed)

    def _touch_bridges(self, changed: Mapping[str, int]) -> None:
        for bridge, since in changed.items():
            for station in sorted(self._bridges.stations(bridge)):
                self._touch(station, since)

    def _touch(self, station: int, since: int) -> None:
        """What is known of the ports of a station has changed from `since` on."""
        closed = [end for _, end in self._bridges.unobserved(station) if end != FOREVER]
        self._dark_end[station] = max([int(self._presence.gap_end[station]), *closed[-1:]])
        for slot in self._names.ports_of[station]:
            self._touch_port(slot, since)

    def _touch_port(self, slot: int, since: int) -> None:
        self._dirty[slot] = min(since, self._dirty.get(slot, since))

    # -- what was said ------------------------------------------------------------------------------------------------
    def _settle(self, batch: Batch, signs: Signs) -> None:
        """Late data of a time in which a station was not heard."""
        late = late_readings(batch, signs, self._dark_end, self._dark)
        for slot, at, power, energy in late:
            self._note_present(int(self._names.station_of[slot]), at)
            since = self._evidence.setdefault(slot, Evidence()).add(at, power, energy)
            if since is not None:
                self._touch_port(slot, since)
        for event in batch.events:
            station = self._names.place(event.port)[0]
            early = event.at < self._dark_end[station] and is_sign(event)
            if early and self._dark(station).was_late(event.at, event.received_at):
                self._note_present(station, event.at)

    def _dark(self, station: int) -> Dark:
        """When the station was not heard, as far as that is over."""
        return Dark([*self._presence.gaps(station)[:-1], *self._bridges.unobserved(station)])

    def _note_present(self, station: int, at: int) -> None:
        if self._present.setdefault(station, Cells()).add(at):
            self._touch(station, at // CELL_US * CELL_US)

    def _take(self, event: Event, now: int, out: Outputs) -> None:
        if event.kind not in (STATUS, FAULT):
            return
        out.alerts.extend(self._troubles.take(event))
        status = event.data.get("status")
        if event.kind != STATUS or not isinstance(status, str):
            return
        at = event.received_at if event.flags & RETAINED else event.at
        station, slot = self._names.place(event.port)
        fact = Fact(at, event.data.get("connector") or 0, status_of(status, error_code(event.data)))
        slots = [slot] if slot >= 0 else self._names.ports_of[station]
        facts = self._of_port[slot] if slot >= 0 else self._of_station.setdefault(station, Facts(self._horizon_us))
        for one in slots:
            if one in self._dirty and (facts.is_full() or event.received_at - self._horizon_us > self._dirty[one]):
                self._tell_port(one, self._dirty.pop(one), now, event.received_at)
        since = facts.add(fact if slot >= 0 else fact._replace(connector=0), event.received_at)
        if since is not None:
            for one in slots:
                self._touch_port(one, since)

    # -- what follows -------------------------------------------------------------------------------------------------
    def _look(self, now: int, heard: Mapping[int, int], out: Outputs) -> None:
        """Who is silent by `now`, and who speaks again."""
        self._touch_bridges(self._bridges.look(now))
        for station in sorted(heard.keys() | set(self._presence.overdue(now)) | self._presence.silent.keys()):
            spans = self._presence.silence(station, self._bridges.unobserved(station), now)
            since = self._presence.note(station, spans)
            if since is not None:
                self._touch(station, since)
            limits = [self._presence.limit(station, span) for span in spans]
            out.alerts.extend(self._silences.tell(self._names.stations.ports[station], spans, limits, now))

    def _tell(self, now: int, out: Outputs) -> None:
        """Timelines of the ports that something changed for, then what of them goes into the tables."""
        for slot, since in sorted(self._dirty.items()):
            self._tell_port(slot, since, now, now)
        self._dirty.clear()
        self._tables.close(now)
        out.writes.extend(self._tables.writes())

    def _tell_port(self, slot: int, since: int, now: int, until: int) -> None:
        if self._first[slot] != FOREVER:
            known, floor = self._known(slot, now)
            self._tables.changed(slot, self._line(slot), max(since, floor), known, until)

    def _line(self, slot: int) -> Line:
        first = int(self._first[slot])
        line = self._lines.get(slot)
        if line is None:
            line = self._lines[slot] = Line(first)
        elif first < line.first and not line.trimmed:
            line.first = first
        return line

    def _known(self, slot: int, now: int) -> tuple[Known, int]:
        """What there is to judge a port by, and from when on that is complete."""
        station = int(self._names.station_of[slot])
        own, of_station = self._of_port[slot], self._of_station.get(station)
        evidence, present = self._evidence.get(slot), self._present.get(station)
        unobserved = self._bridges.unobserved(station)
        known = Known(
            own,
            of_station,
            silence=self._presence.silence(station, unobserved, now),
            unobserved=unobserved,
            present=[] if present is None else spans_of(present.cells),
            flowed=[] if evidence is None else evidence.flowed(),
        )
        floors = [own.floor, of_station and of_station.floor, evidence and evidence.floor, present and present.floor]
        floors += [self._presence.floor(station), self._bridges.floor(station)]
        return known, max(floor or 0 for floor in floors)

    # -- snapshots ----------------------------------------------------------------------------------------------------
    def snapshot(self) -> dict[str, Any]:
        """The state as plain data."""
        return {
            "v": 1,
            "names": self._names.snapshot(),
            "presence": self._presence.snapshot(),
            "bridges": self._bridges.snapshot(),
            "first": self._first[: len(self._names.ports)].copy(),
            "of_port": [facts.snapshot() for facts in self._of_port],
            "of_station": [[station, facts.snapshot()] for station, facts in self._of_station.items()],
            "evidence": [[slot, evidence.snapshot()] for slot, evidence in self._evidence.items()],
            "present": [[station, cells.snapshot()] for station, cells in self._present.items()],
            "lines": [[slot, line.snapshot()] for slot, line in self._lines.items()],
            "silences": self._silences.snapshot(),
            "troubles": self._troubles.snapshot(),
            "tables": self._tables.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError for one of another version."""
        if state.get("v") != 1:
            raise ValueError(f"uptime: snapshot of version {state.get('v')}, this is 1: run the flow with --rebuild")
        self._names.restore(state["names"])
        self._ensure()
        self._presence.restore(state["presence"])
        self._bridges.restore(state["bridges"])
        self._first = np.array(state["first"])
        self._of_port = [Facts.restored(self._horizon_us, facts) for facts in state["of_port"]]
        self._of_station = {station: Facts.restored(self._horizon_us, facts) for station, facts in state["of_station"]}
        self._evidence = {slot: Evidence.restored(cells) for slot, cells in state["evidence"]}
        self._present = {station: Cells.restored(cells) for station, cells in state["present"]}
        self._lines.clear()
        self._lines.update({slot: Line.restored(line) for slot, line in state["lines"]})
        self._silences.restore(state["silences"])
        self._troubles.restore(state["troubles"])
        self._tables.restore(state["tables"])
        for station in range(len(self._names.stations)):
            self._touch(station, FOREVER)
        self._dirty.clear()
