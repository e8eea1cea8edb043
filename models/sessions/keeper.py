"""Keeps samples, totals and ports in step: what a new mark changes, and which totals an old sample belongs to."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.columns import PortIndex
from models.sessions.assemble import Draft
from models.sessions.book import OPEN, Book, Window
from models.sessions.energy import GAP_US, NONE, Columns, Totals, fold
from models.sessions.facts import Ledger, State
from models.sessions.port import Port, port_of, port_state, window_of
from models.sessions.samples import Placed, Samples

PLUGGING_US = 900_000_000
"""How long before a session a phase may matter to it."""


class Keeper:
    """The sessions of all ports of a shard. Times in microseconds.

    An open session is shown up to the last full `every_s` seconds of its port's own samples; the ring must hold all samples
    after that, so `keep` must be above `every_s`.
    """

    def __init__(self, keep: int, room: int, seen: int, every_s: int, gap_us: int = GAP_US) -> None:
        if keep <= every_s:
            raise ValueError(f"sessions: keep ({keep} samples, one a second) must be above every_s ({every_s})")
        self.every_us = every_s * 1_000_000
        self.index = PortIndex()
        self.samples = Samples(keep, room, seen)
        self.book = Book(gap_us)
        self.ports: dict[int, Port] = {}
        self.shown = np.zeros(0, np.int64)
        self._dirty: set[int] = set()

    def ensure(self) -> None:
        """Room for all ports of the index."""
        n = len(self.index)
        if len(self.shown) < n:
            self.samples.ensure(n)
            self.book.ensure(n)
            more = np.full(max(n, 2 * len(self.shown)) - len(self.shown), NONE, np.int64)
            self.shown = np.concatenate([self.shown, more])

    def port(self, name: str) -> Port:
        """The port of that name, made if new."""
        slot = self.index.slot(name)
        self.ensure()
        port = self.ports.get(slot)
        if port is None:
            port = self.ports[slot] = Port(name, slot)
        return port

    # -- samples ------------------------------------------------------------------------------------------------------
    def take(self, slot: NDArray[np.intp], samples: Columns) -> None:
        """Take readings, sorted by slot, of each slot in order of arrival."""
        if len(slot) == 0:
            return
        first = np.concatenate(([True], slot[1:] != slot[:-1]))
        before = np.empty_like(samples.at)
        before[1:] = samples.at[:-1]
        before[first] = self.samples.newest(slot[first])
        early = samples.at < before
        if early.any():
            disordered = np.isin(slot, slot[early])
            for i in np.flatnonzero(disordered).tolist():
                self._insert(int(slot[i]), samples.take(slice(i, i + 1)))
            slot, samples = slot[~disordered], samples.take(~disordered)
        if len(slot):
            self._note_closed(slot, samples.at)
            for left in self.samples.append(slot, samples):
                self.book.count(*left)

    def _insert(self, slot: int, one: Columns) -> None:
        if self.samples.fill[slot] >= self.samples.room:
            self.settle(slot)
        at = int(one.at[0])
        values = (
            float(one.power[0]),
            int(one.energy[0]),
            float(one.offered[0]),
            float(one.requested[0]),
            float(one.soc[0]),
        )
        placed = self.samples.insert(slot, at, values)
        if placed == Placed.KNOWN:
            return
        port = self.ports.get(slot)
        for draft, window in self._windows(port):
            if window.low <= at <= window.high and draft.lead.ledger is not None:
                if placed == Placed.TOO_LATE:
                    draft.lead.ledger.repair = True
                if window.high != OPEN or placed != Placed.APPENDED:
                    self.mark_dirty(port, draft)

    def _note_closed(self, slot: NDArray[np.intp], at: NDArray[np.int64]) -> None:
        """Readings that come in order, yet belong to a session that is closed."""
        book = self.book
        closed = (book.high[slot] != OPEN) & (at <= book.high[slot]) & (at >= book.low[slot])
        older = (book.row[slot] >= 0) & (at < book.low[slot])
        hit = closed | older
        if not hit.any():
            return
        for one in np.unique(slot[hit]).tolist():
            times = at[slot == one]
            port = self.ports.get(one)
            for draft, window in self._windows(port):
                if window.high != OPEN and ((times >= window.low) & (times <= window.high)).any():
                    self.mark_dirty(port, draft)

    def _windows(self, port: Port | None) -> Iterable[tuple[Draft, Window]]:
        return () if port is None else ((draft, window_of(draft)) for draft in port.sessions)

    def settle(self, slot: int) -> None:
        """Count all but the newest samples of a slot."""
        self.book.count(*self.samples.settle(slot))

    # -- dirty sessions -----------------------------------------------------------------------------------------------
    def mark_dirty(self, port: Port | None, draft: Draft) -> None:
        """The row of a session has to be written anew."""
        ledger = draft.lead.ledger
        if ledger is not None and port is not None:
            ledger.dirty, ledger.told = True, None
            self.book.shown_until[ledger.row] = NONE
            self._dirty.add(port.slot)

    def due(self) -> list[tuple[Port, Draft]]:
        """Sessions to be written: those marked dirty, and open ones whose samples have entered a new minute (`every_s`). Clears the marks."""
        n = len(self.index)
        slots = np.arange(n)
        minute = self.samples.newest(slots) // self.every_us
        moved = np.flatnonzero((self.book.high[:n] == OPEN) & (self.book.row[:n] >= 0) & (minute > self.shown[:n]))
        self.shown[moved] = minute[moved]
        out = []
        for slot in sorted(self._dirty.union(moved.tolist())):
            port = self.ports[slot]
            for draft in port.sessions:
                ledger = draft.lead.ledger
                if ledger is not None and (
                    ledger.dirty or (draft.ended_at is None and self.book.row[slot] == ledger.row)
                ):
                    ledger.dirty = False
                    out.append((port, draft))
        self._dirty.clear()
        return out

    def as_of(self, sessions: Sequence[tuple[Port, Draft]]) -> NDArray[np.int64]:
        """Up to when the rows of sessions go: their end; of an open one, the last full minute of its port's own samples."""
        newest = (
            self.samples.newest(np.array([port.slot for port, _ in sessions], np.intp)) // self.every_us * self.every_us
        )
        told = [_told_until(port, draft) for port, draft in sessions]
        closed = np.array([draft.ended_at is not None for _, draft in sessions], np.bool_)
        return np.where(closed, told, np.maximum(newest, told))

    def totals(self, sessions: Sequence[tuple[Port, Draft]]) -> Totals:
        """The totals of sessions as of now: what is counted, and what the rings hold (of open ones, up to the last full minute)."""
        book = self.book
        slots = np.array([port.slot for port, _ in sessions], np.intp)
        low, high, row = np.array([window_of(draft) for _, draft in sessions], np.int64).T
        minute = self.samples.newest(slots) // self.every_us * self.every_us
        high = np.where(high == OPEN, minute - 1, high)
        shown = book.shown_until[row]
        known = (shown != NONE) & (shown <= high + 1) & (book.totals["last_at"][row] < shown)
        found: Totals = np.where(known, book.shown[row], book.totals[row])
        which, samples = self.samples.within(slots, np.where(known, np.maximum(shown, low), low), high)
        fold(found, which, samples, book.rated_w[slots][which], book.gap_us)
        book.shown[row], book.shown_until[row] = found, high + 1
        return found

    # -- marks --------------------------------------------------------------------------------------------------------
    def rearrange(self, port: Port) -> tuple[list[str], list[Draft]]:
        """The marks of a port have changed: assemble its sessions anew. Session keys that are no more, sessions that changed."""
        old = {draft.key for draft in port.sessions}
        signs = {id(draft.lead.ledger): _sign(draft) for draft in port.sessions}
        before = self.book.windows(port.slot)
        drafts = port.assembled()
        dropped = self._hand_ledgers(port, drafts)
        after = [window_of(draft) for draft in drafts]
        self._settle_before(port.slot, before, after)
        for row in dropped:
            self.book.close_row(row)
        self._look_for_repair(port.slot, drafts, before, after)
        port.sessions = drafts
        self.book.set_windows(port.slot, after)
        self.book.shown_until[[window.row for window in after]] = NONE
        port.prune()
        changed = [draft for draft in drafts if signs.get(id(draft.lead.ledger)) != _sign(draft)]
        gone = old - {draft.key for draft in drafts}
        first = min((draft.started_at for draft in (drafts if gone else changed)), default=OPEN)
        for draft in drafts:
            if draft.started_at >= first:  # later ones, too: an attempt begins after the session before it
                self.mark_dirty(port, draft)
        return sorted(gone), changed

    def forget(self, port: Port, draft: Draft) -> None:
        """Let go of a session for good."""
        self.settle(port.slot)
        row = window_of(draft).row
        port.forget(draft)
        self.rearrange(port)
        self.book.close_row(row)

    def _hand_ledgers(self, port: Port, drafts: Sequence[Draft]) -> list[int]:
        """Each session's ledger to its leading mark; rows of ledgers that no session has any more."""
        dropped: list[int] = []
        used: set[int] = set()
        for draft in drafts:
            held = [mark.ledger for mark in draft.marks if mark.ledger is not None]
            ledger = held[0] if held else Ledger(self.book.open_row())
            for other in held[1:]:
                if other is not ledger:
                    ledger.repair = ledger.repair or bool(self.book.totals["n"][other.row])
                    dropped.append(other.row)
            for mark in draft.marks:
                mark.ledger = None
            draft.lead.ledger = ledger
            used.add(id(ledger))
        for mark in port.marks:
            if mark.ledger is not None and id(mark.ledger) not in used:
                dropped.append(mark.ledger.row)
                mark.ledger = None
        return dropped

    def _settle_before(self, slot: int, before: Sequence[Window], after: Sequence[Window]) -> None:
        """Count what is older than the ring by the old windows, where the new ones would count it otherwise."""
        excess = self.samples.newest_excess(slot)
        if excess != NONE and _up_to(before, excess) != _up_to(after, excess):
            self.settle(slot)

    def _look_for_repair(
        self, slot: int, drafts: Sequence[Draft], before: Sequence[Window], after: Sequence[Window]
    ) -> None:
        """Mark sessions whose window moved over samples that are counted (elsewhere, or no more to be told apart)."""
        was = {window.row: window for window in before}
        excess = self.samples.newest_excess(slot)
        for draft, window in zip(drafts, after, strict=True):
            ledger, old = draft.lead.ledger, was.get(window.row)
            if ledger is None or (old is not None and old[:2] == window[:2]):
                continue
            last = int(self.book.totals["last_at"][window.row])
            first = int(self.book.totals["first_at"][window.row])
            shrunk = last != NONE and (last > window.high or first < window.low)
            late = ledger.phases_until is not None and ledger.phases_until > window.high
            grown = [(window.low, window.high)] if old is None else _grown(old, window)
            missed = any(self.samples.may_have_left(slot, max(low, excess + 1), high) for low, high in grown)
            if shrunk or late or missed:
                ledger.repair = True

    # -- snapshots ----------------------------------------------------------------------------------------------------
    def snapshot(self) -> dict[str, Any]:
        """Everything as plain data. Call it when nothing is due."""
        n = len(self.index)
        return {
            "names": list(self.index.ports),
            "samples": self.samples.snapshot(n),
            "book": self.book.snapshot(),
            "shown": self.shown[:n].copy(),
            "ports": [port_state(port) for port in self.ports.values()],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot."""
        self.index = PortIndex(state["names"])
        self.samples.restore(state["samples"])
        self.book.restore(state["book"])
        self.shown = np.array(state["shown"])
        self.book.ensure(len(self.index))
        self.ports = {}
        for port in map(port_of, state["ports"]):
            self.ports[port.slot] = port
            self.book.set_windows(port.slot, [window_of(draft) for draft in port.sessions])

    def add_state(self, port: Port, state: State) -> list[Draft]:
        """Take a phase of a port; the sessions that it may matter to, which are to be written anew."""
        if not port.add_state(state):
            return []
        touched = []
        for draft, window in self._windows(port):
            if window.low - PLUGGING_US <= state.at <= (window.high if draft.ended_at is None else draft.ended_at):
                self.mark_dirty(port, draft)
                touched.append(draft)
        return touched


def _told_until(port: Port, draft: Draft) -> int:
    if draft.ended_at is not None:
        return draft.ended_at
    return max(draft.started_at, port.states[-1].at) if port.states else draft.started_at


def _sign(draft: Draft) -> tuple[Any, ...]:
    """What of a session its marks decide."""
    told = tuple((m.token, m.meter, m.connector, m.trigger, m.reason) for m in draft.marks)
    return (draft.session, draft.started_at, draft.ended_at, draft.closed_by, draft.quality, told)


def _up_to(spans: Iterable[Window], at: int) -> set[Window]:
    return {Window(low, min(high, at), row) for low, high, row in spans if low <= at}


def _grown(old: Window, new: Window) -> list[tuple[int, int]]:
    """Where `new` reaches and `old` did not."""
    grown = []
    if new.low < old.low:
        grown.append((new.low, min(old.low - 1, new.high)))
    if new.high > old.high:
        grown.append((max(old.high + 1, new.low), new.high))
    return grown
