"""From marks to sessions: which start, id, updates and end belong together, and where each session begins and ends.

A pure function of the marks kept for one port, so a mark that arrives late or twice leads to the same sessions as one
that came in time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.sessions.facts import END, ID, START, UPDATE, Mark
from schemas.sessions import Quality

ANSWER_US = 120_000_000
"""An id that does not tell which start it is for answers one that arrived at most this long before it."""


@dataclass(slots=True)
class Draft:
    """One session as its marks tell it; times in microseconds, `ended_at` None while it is open."""

    session: str | None
    start: Mark | None
    update: Mark | None = None
    end: Mark | None = None
    started_at: int = 0
    ended_at: int | None = None
    closed_by: int | None = None
    quality: int = 0

    @property
    def lead(self) -> Mark:
        """The mark that stands for the session."""
        lead = self.start or self.update or self.end
        if lead is None:
            raise AssertionError("a session without a mark")
        return lead

    @property
    def key(self) -> str:
        """The session key of the table."""
        return self.session if self.session is not None else f"at:{self.started_at}"

    @property
    def marks(self) -> list[Mark]:
        """The marks that it is made of."""
        return [mark for mark in (self.start, self.update, self.end) if mark is not None]


TakenIntoUse = Callable[[int, int | None], int | None]
"""(at, after) -> when the port was last taken into use before `at`, not before `after`."""


def assemble(marks: Sequence[Mark], taken_into_use: TakenIntoUse, settled_until: int | None = None) -> list[Draft]:
    """The sessions of one port, by start.

    Ends go by transaction id, else to the latest start before them; an id that came in the answer to a start goes to the
    start at its time, with its register and token, or the last one that arrived shortly before it. A session whose start was lost
    begins with its first update, or where the port was last taken into use before its end, after `settled_until`. The
    next start closes a session without an end.
    """
    drafts = [Draft(mark.session, mark) for mark in marks if mark.kind == START]
    aliases = _name(drafts, [mark for mark in marks if mark.kind == ID])
    drafts = _merge(drafts)
    by_id = {draft.session: draft for draft in drafts if draft.session is not None}
    by_id |= {alias: by_id[session] for alias, session in aliases.items() if session in by_id}
    for mark in marks:
        if mark.kind == UPDATE and mark.session is not None:
            draft = by_id.get(mark.session)
            if draft is None:
                draft = by_id[mark.session] = Draft(mark.session, None)
                drafts.append(draft)
            draft.update = mark
    for draft in drafts:
        draft.started_at = draft.lead.at
    drafts.sort(key=lambda draft: (draft.started_at, draft.session or ""))
    orphans = _end(drafts, by_id, sorted((m for m in marks if m.kind == END), key=lambda m: (m.at, m.n)))
    drafts += _lost_starts(drafts, orphans, taken_into_use, settled_until)
    drafts.sort(key=lambda draft: (draft.started_at, draft.session or ""))
    for draft, following in zip(drafts, [*drafts[1:], None], strict=False):
        _close(draft, following)
    return drafts


def _name(drafts: list[Draft], ids: list[Mark]) -> dict[str, str]:
    """Give starts the ids that were told in the answer to them.

    A start told twice may be answered twice: the later id is an alias of the first. Returns alias -> id.
    """
    known = {draft.session for draft in drafts}
    aliases: dict[str, str] = {}
    for mark in sorted(ids, key=lambda mark: mark.n):
        if mark.session is None or mark.session in known:
            continue
        nameless = [draft for draft in drafts if draft.session is None and draft.start is not None]
        exact = [d for d in nameless if d.lead.at == mark.at and _fits(d.lead, mark)]
        before = [d for d in nameless if _answers(d.lead, mark) and _fits(d.lead, mark)]
        alike = [d for d in nameless if mark.meter is not None and d.lead.meter == mark.meter and _fits(d.lead, mark)]
        for found in (exact, before, alike):
            if found:
                max(found, key=lambda draft: draft.lead.n).session = mark.session
                known.add(mark.session)
                break
        else:
            for draft in drafts:
                if draft.lead.session is None and draft.session is not None and _same_start(draft.lead, mark):
                    aliases[mark.session] = draft.session
    return aliases


def _same_start(start: Mark, mark: Mark) -> bool:
    """Whether the id `mark` was told for `start`, which has one already."""
    by_register = mark.meter is not None and start.meter == mark.meter and start.token == mark.token
    return start.at == mark.at or by_register


def _answers(start: Mark, mark: Mark) -> bool:
    """Whether the id `mark` can be the answer to `start`, by the order and time of their arrival."""
    return start.n < mark.n and mark.received_at - start.received_at <= ANSWER_US


def _fits(start: Mark, mark: Mark) -> bool:
    token = start.token is None or mark.token is None or start.token == mark.token
    return token and (start.meter is None or mark.meter is None or start.meter == mark.meter)


def _merge(drafts: list[Draft]) -> list[Draft]:
    """One session an id: the earliest start stands."""
    found: dict[str, Draft] = {}
    out = []
    for draft in sorted(drafts, key=lambda draft: (draft.lead.at, draft.lead.n)):
        if draft.session is None or draft.session not in found:
            out.append(draft)
            if draft.session is not None:
                found[draft.session] = draft
    return out


def _end(drafts: list[Draft], by_id: dict[str, Draft], ends: list[Mark]) -> list[Mark]:
    """Give sessions their ends; the ends that no session claims."""
    rest = []
    for mark in ends:
        draft = by_id.get(mark.session) if mark.session is not None else None
        if draft is None:
            rest.append(mark)
        else:
            draft.end = mark
    orphans = []
    for mark in rest:
        before = [draft for draft in drafts if draft.started_at <= mark.at]
        if mark.session is not None:
            before = [draft for draft in before if draft.session is None]
        last = before[-1] if before else None
        if last is not None and last.end is None:
            last.end = mark
            if mark.session is not None:
                last.session = mark.session
        else:
            orphans.append(mark)
    return orphans


def _lost_starts(
    drafts: list[Draft], orphans: list[Mark], taken_into_use: TakenIntoUse, settled_until: int | None
) -> list[Draft]:
    """Sessions of which only the end was told.

    Without an id, an end makes a session only where the port was taken into use after all that is known before it.
    """
    made: list[Draft] = []
    for mark in orphans:
        floor = settled_until
        for draft in (*drafts, *made):
            if draft.started_at < mark.at:
                until = min(draft.end.at, mark.at) if draft.end is not None else draft.started_at
                floor = until if floor is None else max(floor, until)
        begun = taken_into_use(mark.at, floor)
        if begun is None and mark.session is None:
            continue
        made.append(Draft(mark.session, None, None, mark, started_at=mark.at if begun is None else begun))
    return made


def _close(draft: Draft, following: Draft | None) -> None:
    bounds = [mark.ledger.bound for mark in draft.marks if mark.ledger is not None]
    starts = [*bounds, None if following is None else following.started_at]
    draft.closed_by = min((at for at in starts if at is not None), default=None)
    if draft.start is None:
        draft.quality |= Quality.START_INFERRED
    if draft.end is not None:
        draft.ended_at = draft.end.at
        if draft.end.at < draft.started_at:
            draft.ended_at = draft.started_at
            draft.quality |= Quality.END_BEFORE_START
    if draft.closed_by is not None and (draft.ended_at is None or draft.ended_at > draft.closed_by):
        draft.quality |= Quality.END_INFERRED if draft.ended_at is None else Quality.OVERLAP
        draft.ended_at = draft.closed_by
    if any(mark.offline for mark in draft.marks):
        draft.quality |= Quality.OFFLINE
