"""The operator `sessions`: events and readings in, rows of `charging_session` and alerts of sessions cut short out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.columns import Batch
from models.operator import Delete, Outputs, Upsert
from models.sessions.alerts import Cuts
from models.sessions.assemble import Draft
from models.sessions.facts import (
    MARKS,
    Authorisation,
    Fault,
    Ledger,
    State,
    fault_of,
    insert_sorted,
    mark_of,
    phase_of,
    session_id,
)
from models.sessions.figures import Figures, authorised_at, joined, told_of
from models.sessions.intake import Intake
from models.sessions.judge import NEAR_US, OPEN_VERDICT, Verdict, judge, nearest
from models.sessions.keeper import Keeper
from models.sessions.port import Port
from schemas.assets import PortFacts
from schemas.sessions import reason_of
from schemas.telemetry import AUTHORIZE, FAULT, RETAINED, STATUS, Event

TABLE: Final = "charging_session"
KEY: Final = ("session_key",)
_HELD: Final = 16
_TOGETHER: Final = 256
"""Sessions written at once: few enough that their samples stay in the processor's cache."""


class Sessions:
    """Assembles the charging sessions of one shard.

    A session is written when a mark or state of it changes, once a minute of its port's own readings while it is open, and
    when something late changes it. The row is a function of what was told, not of how it was cut into batches: an open one
    goes up to the port's last full minute.

    Exact for readings among the newest `keep` seconds with readings of a port (what is older is added up and cannot be put
    elsewhere; a row that this would have changed says `needs_repair`), for marks of the last `KEPT` sessions of a port and
    for its last `PHASES` states. State: about 5 KB a port. 20,000 readings of 2,000 ports take about 5 ms.
    """

    name = "sessions"
    version = 1
    memory_days = 3.0

    def __init__(
        self,
        facts: Mapping[str, PortFacts] | None = None,
        *,
        keep: int = 64,
        room: int = 128,
        seen: int = 256,
        every_s: int = 60,
    ) -> None:
        self._facts: Mapping[str, PortFacts] = facts or {}
        self._keeper = Keeper(keep, room, seen, every_s)
        self._intake = Intake(self._keeper)
        self._cuts = Cuts(self.name, str(self.version))
        self._marks = 0
        self._faults: dict[str, list[Fault]] = {}
        self._tokens: dict[str, list[Authorisation]] = {}
        self._ports: dict[str, list[Port]] = {}
        self._rated = 0
        self._rows: list[tuple[list[str], dict[str, Any]]] = []
        self._deleted: dict[tuple[str, str], None] = {}
        self._out = Outputs()

    @property
    def facts(self) -> Mapping[str, PortFacts]:
        """What is known of ports."""
        return self._facts

    @facts.setter
    def facts(self, facts: Mapping[str, PortFacts]) -> None:
        self._facts = facts
        self._rated = 0

    def on_batch(self, batch: Batch) -> Outputs:
        """Take readings and events in the order in which they arrived; write what changed."""
        self._out = Outputs()
        intake = self._intake.sort(batch, self._facts)
        self._learn()
        for turn in range(intake.turns):
            self._keeper.take(*intake.readings(turn))
            for event in intake.events(turn):
                self._take(event)
        due = self._keeper.due()
        for i in range(0, len(due), _TOGETHER):
            self._write(due[i : i + _TOGETHER])
        return self._flush()

    def on_time(self, now: int) -> Outputs:
        """Nothing: sessions change by what is told, not by time passing."""
        return Outputs()

    # -- events -------------------------------------------------------------------------------------------------------
    def _take(self, event: Event) -> None:
        if event.flags & RETAINED:
            return
        station, _, number = event.port.rpartition("/")
        if event.kind == AUTHORIZE:
            self._authorise(station, event)
        elif number == "0" and event.kind in MARKS:
            named = self._named(station, event)
            if named is not None:
                self._take_port(station, event, named)
        elif number == "0":
            fault = fault_of(event) if event.kind in (STATUS, FAULT) else None
            faults = self._faults.setdefault(station, [])
            if fault is not None and insert_sorted(faults, fault):
                del faults[:-_HELD]
                for port in self._ports.get(station, ()):
                    self._blame(port, fault, event)
        elif event.kind in MARKS or event.kind in (STATUS, FAULT):
            self._take_port(station, event, self._port(station, event.port))

    def _named(self, station: str, event: Event) -> Port | None:
        """The port whose session an event names that was told of no port (OCPP 1.6 ends transactions by their id alone)."""
        session = session_id(event.data.get("session"))
        if session is None:
            return None
        return next((p for p in self._ports.get(station, ()) if any(d.session == session for d in p.sessions)), None)

    def _take_port(self, station: str, event: Event, port: Port) -> None:
        if event.kind in MARKS:
            self._marks += 1
            if port.add_mark(mark_of(event, self._marks)):
                self._rearrange(port, event)
        phase = None if event.kind == FAULT else phase_of(event)
        if phase is not None:
            for draft in self._keeper.add_state(port, State(event.at, phase)):
                self._alert(port, draft, event)
            ended = port.last_end()
            if ended is not None and event.at < ended:
                self._rearrange(port, event)
        fault = fault_of(event) if event.kind in (STATUS, FAULT) else None
        if fault is not None and port.add_fault(fault):
            self._blame(port, fault, event)

    def _port(self, station: str, name: str) -> Port:
        known = len(self._keeper.ports)
        port = self._keeper.port(name)
        if len(self._keeper.ports) > known:
            self._ports.setdefault(station, []).append(port)
            self._learn()
        return port

    def _authorise(self, station: str, event: Event) -> None:
        token = event.data.get("token")
        if not token:
            return
        told = Authorisation(event.at, str(token), event.data.get("result") == "accepted")
        tokens = self._tokens.setdefault(station, [])
        if insert_sorted(tokens, told):
            del tokens[:-_HELD]
            for port in self._ports.get(station, ()):
                for draft in port.sessions:
                    self._remember(port, draft, [told])

    def _remember(self, port: Port, draft: Draft, told: list[Authorisation]) -> None:
        """Keep the authorisation of a session, as the list of the station is short."""
        ledger = draft.lead.ledger
        at = authorised_at(draft, told)
        if ledger is not None and at != ledger.authorised:
            ledger.authorised = at
            self._keeper.mark_dirty(port, draft)

    def _rearrange(self, port: Port, event: Event) -> None:
        gone, changed = self._keeper.rearrange(port)
        self._deleted |= {(port.name, key): None for key in gone}
        station = port.name.rpartition("/")[0]
        for draft in port.sessions:
            self._deleted.pop((port.name, draft.key), None)
            self._remember(port, draft, self._tokens.get(station, []))
        for draft in changed:
            if draft.ended_at is not None:
                self._weigh(port, draft, [*port.faults, *self._faults.get(station, ())])
                self._alert(port, draft, event)
        while (surplus := port.surplus()) is not None:
            if surplus.lead.ledger is not None and surplus.lead.ledger.dirty:
                self._write([(port, surplus)])
            self._keeper.forget(port, surplus)

    # -- verdicts -----------------------------------------------------------------------------------------------------
    def _blame(self, port: Port, fault: Fault, event: Event) -> None:
        for draft in port.sessions:
            if draft.ended_at is not None and abs(fault.at - draft.ended_at) <= NEAR_US:
                self._weigh(port, draft, [fault])
                self._keeper.mark_dirty(port, draft)
                self._alert(port, draft, event)

    def _weigh(self, port: Port, draft: Draft, faults: list[Fault]) -> None:
        """Keep the fault that outweighs the others, as the list of the port is short."""
        ledger = draft.lead.ledger
        if ledger is not None and draft.ended_at is not None and draft.end is not None:
            held = [] if ledger.fault is None else [ledger.fault]
            ledger.fault = nearest(draft.ended_at, [*faults, *held], reason_of(draft.end.reason))

    def _figures(self, sessions: Sequence[tuple[Port, Draft]]) -> Figures:
        told = []
        for port, draft in sessions:
            ledger = draft.lead.ledger
            if ledger is None or ledger.told is None:
                ledger = ledger or Ledger(-1)
                ledger.told = told_of(port, draft)
            told.append(ledger.told)
        return Figures(told, self._keeper.totals(sessions), self._keeper.as_of(sessions))

    def _verdict(self, draft: Draft, figures: Figures, i: int) -> Verdict:
        if draft.ended_at is None:
            return OPEN_VERDICT
        ledger = draft.lead.ledger
        reason = None if draft.end is None else reason_of(draft.end.reason)
        return judge(reason, None if ledger is None else ledger.fault, figures.course(i))

    def _alert(self, port: Port, draft: Draft, event: Event) -> None:
        """Tell of a session that a fault cut, as soon as that is known."""
        ledger = draft.lead.ledger
        if ledger is None or draft.ended_at is None or draft.end is None:
            return
        if ledger.alert is None and ledger.fault is None and not reason_of(draft.end.reason).charger_side:
            return
        figures = self._figures([(port, draft)])
        verdict = self._verdict(draft, figures, 0)
        energy = float(figures.energy[0])
        self._out.alerts.extend(self._cuts.tell(port, draft, verdict, energy, event.received_at))

    # -- writing ------------------------------------------------------------------------------------------------------
    def _write(self, sessions: Sequence[tuple[Port, Draft]]) -> None:
        figures = self._figures(sessions)
        verdicts = [self._verdict(draft, figures, i) for i, (_, draft) in enumerate(sessions)]
        rated = self._keeper.book.rated_w[[port.slot for port, _ in sessions]]
        repair = [ledger is not None and ledger.repair for ledger in (draft.lead.ledger for _, draft in sessions)]
        version = np.full(len(sessions), self.version)
        columns = figures.columns(verdicts, rated, repair) | {"version": version}
        self._rows.append(([port.name for port, _ in sessions], columns))

    def _flush(self) -> Outputs:
        out, self._out = self._out, Outputs()
        if self._deleted:
            ports, port = _coded([name for name, _ in self._deleted])
            out.writes.append(Delete(TABLE, KEY, ports, port, {"session_key": [key for _, key in self._deleted]}))
        if self._rows:
            ports, port = _coded([name for names, _ in self._rows for name in names])
            out.writes.append(Upsert(TABLE, KEY, ports, port, joined([columns for _, columns in self._rows])))
        self._deleted, self._rows = {}, []
        return out

    def _learn(self) -> None:
        """Rated power of ports that are new since the last time."""
        index = self._keeper.index
        self._keeper.ensure()
        for slot in range(self._rated, len(index)):
            facts = self._facts.get(index.ports[slot])
            rated = None if facts is None else facts.rated_w
            self._keeper.book.rated_w[slot] = np.nan if rated is None else rated
        self._rated = len(index)

    # -- snapshots ----------------------------------------------------------------------------------------------------
    def snapshot(self) -> dict[str, Any]:
        """The state as plain data."""
        return {
            "v": 1,
            "marks": self._marks,
            "keeper": self._keeper.snapshot(),
            "faults": {station: [list(fault) for fault in faults] for station, faults in self._faults.items()},
            "tokens": {station: [list(told) for told in tokens] for station, tokens in self._tokens.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError for one of another version or other sizes."""
        if state.get("v") != 1:
            raise ValueError(f"sessions: snapshot of version {state.get('v')}, this is 1: run the flow with --rebuild")
        self._keeper.restore(state["keeper"])
        self._marks = int(state["marks"])
        self._faults = {station: [Fault(*fault) for fault in faults] for station, faults in state["faults"].items()}
        self._tokens = {
            station: [Authorisation(*told) for told in tokens] for station, tokens in state["tokens"].items()
        }
        self._ports = {}
        for port in self._keeper.ports.values():
            self._ports.setdefault(port.name.rpartition("/")[0], []).append(port)
        self._rated = 0
        self._learn()


def _coded(names: list[str]) -> tuple[list[str], NDArray[np.int32]]:
    """Names as a list without repeats and the place of each in it."""
    places: dict[str, int] = {}
    codes = [places.setdefault(name, len(places)) for name in names]
    return list(places), np.array(codes, np.int32)
