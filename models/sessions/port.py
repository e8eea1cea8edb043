"""What is kept of one port: marks, phases, faults, and the sessions they make. Bounded, whatever the port says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from models.sessions.assemble import Draft, assemble
from models.sessions.book import OPEN, Window
from models.sessions.facts import END, ID, START, UPDATE, Fault, Ledger, Mark, Phase, State, insert_sorted

KEPT: Final = 6
"""Sessions kept of a port; the closed one that was heard of longest ago goes first."""
FORGOTTEN: Final = 32
"""Session keys remembered of sessions that are no longer kept, so that what is told of them again is known as such."""
STRAY: Final = 8
"""Marks kept that belong to no session (yet)."""
PHASES: Final = 64
FAULTS: Final = 16


@dataclass(slots=True)
class Port:
    """One port. `sessions` follow from `marks` by `assemble`; each has a ledger, held by its leading mark."""

    name: str
    slot: int
    marks: list[Mark] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    states_floor: int | None = None
    in_use_since: int | None = None
    faults: list[Fault] = field(default_factory=list)
    sessions: list[Draft] = field(default_factory=list)
    settled_until: int | None = None
    forgotten: list[str] = field(default_factory=list)

    # -- facts --------------------------------------------------------------------------------------------------------
    def add_mark(self, mark: Mark) -> bool:
        """Take a mark; False where it tells nothing new or belongs to a session that is settled."""
        if self._is_settled(mark) or any(mark.same(other) for other in self.marks):
            return False
        rival = self._rival(mark)
        if rival is None:
            self.marks.append(mark)
            return True
        return self._contest(mark, rival)

    def _is_settled(self, mark: Mark) -> bool:
        if mark.session is not None:
            return mark.session in self.forgotten
        if mark.kind == START:
            return f"at:{mark.at}" in self.forgotten
        return self.settled_until is not None and mark.at <= self.settled_until

    def _rival(self, mark: Mark) -> Mark | None:
        """The mark kept that tells something else of the same thing."""
        for other in self.marks:
            if other.kind == mark.kind and other.session == mark.session:
                if mark.session is not None:
                    return other
                if mark.kind == START and other.at == mark.at:
                    return other
        return None

    def _contest(self, mark: Mark, rival: Mark) -> bool:
        """The earliest start and update stand, the latest end, the first answer; a nameless start is filled up."""
        if mark.kind == START and mark.session is None:
            filled = False
            for name in ("token", "meter", "connector", "trigger"):
                if getattr(rival, name) is None and getattr(mark, name) is not None:
                    setattr(rival, name, getattr(mark, name))
                    filled = True
            return filled
        if mark.kind == END:
            wins = _end_order(mark) > _end_order(rival)
        else:
            wins = mark.kind in (START, UPDATE) and mark.at < rival.at
        if wins:
            mark.ledger = rival.ledger
            self.marks[self.marks.index(rival)] = mark
        return wins

    def add_state(self, state: State) -> bool:
        """Take a phase; False where it is known or older than what is kept."""
        if self.states_floor is not None and state.at <= self.states_floor:
            return False
        if not insert_sorted(self.states, state):
            return False
        if len(self.states) > PHASES:
            self._drop_state()
        return True

    def _drop_state(self) -> None:
        first, second = self.states[0], self.states[1]
        for draft in self.sessions:
            ledger = draft.lead.ledger
            until = min(second.at, self.end_of(draft))
            if ledger is not None and draft.started_at < second.at and first.at < self.end_of(draft):
                ledger.phases[first.phase % Phase.OUT] += until - max(first.at, draft.started_at)
                ledger.phases_until = until
                if first.phase == Phase.CHARGING and ledger.charging_from is None:
                    ledger.charging_from = max(first.at, draft.started_at)
        self.states_floor = first.at
        if first.phase == Phase.OUT:
            self.in_use_since = None
        elif self.in_use_since is None:
            self.in_use_since = first.at
        del self.states[0]

    def add_fault(self, fault: Fault) -> bool:
        """Take a fault; False where it is known or older than all that are kept."""
        if not insert_sorted(self.faults, fault):
            return False
        if len(self.faults) > FAULTS:
            return self.faults.pop(0) != fault
        return True

    # -- sessions -----------------------------------------------------------------------------------------------------
    def assembled(self) -> list[Draft]:
        """The sessions that the marks make now."""
        return assemble(self.marks, self.taken_into_use, self.settled_until)

    def taken_into_use(self, at: int, after: int | None) -> int | None:
        """When the port was last taken into use before `at`, not before `after`; None if it was not.

        It may have been given up again by `at`: what counts is the last time that somebody came.
        """
        begun = self.in_use_since
        in_use = begun is not None
        for state in self.states:
            if state.at >= at:
                break
            if state.phase == Phase.OUT:
                in_use = False
            elif not in_use:
                in_use, begun = True, state.at
        if begun is None or begun >= at or (after is not None and begun < after):
            return None
        return begun

    def last_end(self) -> int | None:
        """The time of the last end told."""
        return max((mark.at for mark in self.marks if mark.kind == END), default=None)

    def in_use_at(self, at: int) -> bool:
        """Whether the port was in use at `at`, as far as its states tell."""
        before = [state for state in self.states if state.at <= at]
        return before[-1].phase != Phase.OUT if before else self.in_use_since is not None

    def end_of(self, draft: Draft) -> int:
        """Where the samples of a session end: its end, the next start, or OPEN."""
        return window_of(draft).high

    def prune(self) -> None:
        """Let go of the oldest marks that belong to no session."""
        used = {id(mark) for draft in self.sessions for mark in draft.marks}
        named = {draft.session for draft in self.sessions}
        stray = [m for m in self.marks if id(m) not in used and not (m.kind == ID and m.session in named)]
        if len(stray) > STRAY:
            gone = {id(mark) for mark in sorted(stray, key=lambda mark: mark.n)[:-STRAY]}
            self.marks = [mark for mark in self.marks if id(mark) not in gone]

    def surplus(self) -> Draft | None:
        """The session to let go of, where there are more than are kept."""
        if len(self.sessions) <= KEPT:
            return None
        return min(self.sessions[:-1], key=lambda draft: max(mark.n for mark in draft.marks))

    def forget(self, draft: Draft) -> None:
        """Let go of a session and its marks; what is told of it again is ignored."""
        gone = {id(mark) for mark in draft.marks}
        self.marks = [m for m in self.marks if id(m) not in gone and not (m.kind == ID and m.session == draft.session)]
        self.sessions = [other for other in self.sessions if other is not draft]
        for other in self.sessions:
            ledger = other.lead.ledger
            if other.started_at < draft.started_at and ledger is not None:
                ledger.bound = min(ledger.bound or OPEN, draft.started_at)
        ended = draft.ended_at if draft.ended_at is not None else draft.started_at
        self.settled_until = max(self.settled_until or ended, ended)
        names = [f"at:{draft.lead.at}"] if draft.session is None or draft.lead.session is None else []
        names += [draft.session] if draft.session is not None else []
        self.forgotten = [*self.forgotten, *names][-FORGOTTEN:]

    def phase_times(self, draft: Draft, until: int) -> tuple[list[int], bool]:
        """Microseconds of a session up to `until` by `Phase` (OUT counts as IN_USE), and whether any charging state was told."""
        ledger = draft.lead.ledger
        times = list(ledger.phases) if ledger is not None else [0, 0, 0, 0]
        low = draft.started_at
        if ledger is not None and ledger.phases_until is not None:
            low = max(low, ledger.phases_until)
        told = any(times[1:])
        for state, after in zip(self.states, [*self.states[1:], State(OPEN, 0)], strict=False):
            a, b = max(state.at, low), min(after.at, until)
            if a < b or (a == b == draft.started_at):
                phase = state.phase % Phase.OUT
                times[phase] += max(b - a, 0)
                told = told or phase != Phase.IN_USE
        times[Phase.IN_USE] = max(until - draft.started_at - sum(times[1:]), 0)
        return times, told

    def first_charging(self, draft: Draft, until: int) -> int | None:
        """When a charging state was first told within a session."""
        ledger = draft.lead.ledger
        if ledger is not None and ledger.charging_from is not None:
            return ledger.charging_from
        for i, state in enumerate(self.states):
            after = self.states[i + 1].at if i + 1 < len(self.states) else OPEN
            if state.phase == Phase.CHARGING and after > draft.started_at and state.at <= until:
                return max(state.at, draft.started_at)
        return None


def _end_order(mark: Mark) -> tuple[int, int, str]:
    return (mark.at, -1 if mark.meter is None else mark.meter, mark.reason or "")


def window_of(draft: Draft) -> Window:
    """From when to when (both included) samples count to a session, and to which row of totals (-1: none yet)."""
    ledger = draft.lead.ledger
    high = OPEN if draft.ended_at is None else draft.ended_at
    if draft.closed_by is not None and draft.closed_by <= high:
        high = draft.closed_by - 1
    return Window(draft.started_at, high, -1 if ledger is None else ledger.row)


# -- snapshots --------------------------------------------------------------------------------------------------------
_MARK: Final = (
    "kind", "at", "n", "received_at", "session", "token", "meter", "connector", "trigger", "reason", "offline",
)  # fmt: skip
_LEDGER: Final = (
    "row",
    "repair",
    "dirty",
    "bound",
    "phases",
    "phases_until",
    "charging_from",
    "fault",
    "authorised",
    "alert",
)


def port_state(port: Port) -> dict[str, Any]:
    """A port as plain data; its sessions follow from its marks."""
    return {
        "name": port.name,
        "slot": port.slot,
        "marks": [[getattr(mark, name) for name in _MARK] for mark in port.marks],
        "ledgers": [_ledger_state(mark.ledger) for mark in port.marks],
        "states": [list(state) for state in port.states],
        "states_floor": port.states_floor,
        "in_use_since": port.in_use_since,
        "faults": [list(fault) for fault in port.faults],
        "settled_until": port.settled_until,
        "forgotten": list(port.forgotten),
    }


def _ledger_state(ledger: Ledger | None) -> list[Any] | None:
    if ledger is None:
        return None
    return _ledger_copy([getattr(ledger, name) for name in _LEDGER])


def port_of(state: Mapping[str, Any]) -> Port:
    """The port that `port_state` told."""
    port = Port(str(state["name"]), int(state["slot"]))
    for values, ledger in zip(state["marks"], state["ledgers"], strict=True):
        mark = Mark(**dict(zip(_MARK, values, strict=True)))
        if ledger is not None:
            mark.ledger = _ledger_of(ledger)
        port.marks.append(mark)
    port.states = [State(*state) for state in state["states"]]
    port.states_floor, port.in_use_since = state["states_floor"], state["in_use_since"]
    port.faults = [Fault(*fault) for fault in state["faults"]]
    port.settled_until = state["settled_until"]
    port.forgotten = list(state["forgotten"])
    port.sessions = port.assembled()
    return port


def _ledger_copy(values: list[Any]) -> list[Any]:
    return [list(v) if isinstance(v, list | tuple) else dict(v) if isinstance(v, dict) else v for v in values]


def _ledger_of(values: list[Any]) -> Ledger:
    ledger = Ledger(**dict(zip(_LEDGER, _ledger_copy(values), strict=True)))
    ledger.fault = None if ledger.fault is None else Fault(*ledger.fault)
    return ledger
