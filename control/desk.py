"""What people (and rules on their behalf) do to work orders: steps with all that follows from them.

A repair is told with a finding, which becomes a label for those who learn; a port that was taken out of service is put back;
remedies that wait are withdrawn; the end of an order ends its incidents.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime

from control import incidents, ladder
from control.change_log import VERIFY, note, record
from control.commands import lock_station
from control.queries import Connection, NotThereError, Row, one, row, run
from control.settings import ControlSettings
from control.work_orders import OrderError, move, open_for
from schemas.faults import catalogue
from schemas.work import ACTIVE, CAUSES, MECHANISMS, Finding, OrderState, Role, step


class NotAllowedError(PermissionError):
    """The roles of the actor do not allow the step."""


def press(
    conn: Connection,
    settings: ControlSettings,
    number: str,
    to: OrderState,
    actor: str,
    roles: AbstractSet[Role],
    now: datetime,
    *,
    seen: OrderState | None = None,
    reason: str | None = None,
    finding: Finding | None = None,
) -> Row:
    """Take a step with the order `number`, in the caller's transaction; the order afterwards.

    `seen` is the state that the actor saw: if the order has moved on since, OrderError. NotThereError for an unknown number,
    NotAllowedError where the roles do not suffice, OrderError where a reason or finding lacks or there is no such step.
    """
    order = _order(conn, number)
    if seen is not None and order["state"] != seen:
        raise OrderError(
            f"{number} was changed meanwhile: it is {order['state'].replace('_', ' ')} now. Load the page again"
        )
    way = step(OrderState(order["state"]), to)
    if way is not None and not (way.roles & roles):
        raise NotAllowedError(f"{way.label!r} needs one of the roles {', '.join(sorted(way.roles))}")
    if way is not None and way.needs == "reason" and not reason:
        raise OrderError(f"{way.label!r} needs a reason in words")
    if way is not None and way.needs == "finding" and finding is None:
        raise OrderError(f"{way.label!r} needs a finding: what was wrong, or that nothing was found")
    if finding is not None and to is OrderState.RESOLVED:
        _found(conn, order, finding, actor, now)
        reason = reason or _sentence(finding)
    moved = move(conn, settings, order, to, actor, now, reason=reason, assignee=actor)
    follow(conn, settings, moved, actor, now)
    if way is not None and order["state"] == OrderState.RESOLVED and to is OrderState.OPEN:
        ladder.protect(conn, settings, moved, actor, now)
    return moved if to is not OrderState.REMOTE_ATTEMPT else ladder.advance(conn, settings, moved, now)


def _order(conn: Connection, number: str) -> Row:
    """The order, with its station's lock and its row locked: the order of locks is the same everywhere."""
    known = row(conn, "order_station", number=number)
    if known is None:
        raise NotThereError(f"there is no work order {number}")
    lock_station(conn, known["station"])
    return one(conn, "order_of_number", number=number)


def follow(conn: Connection, settings: ControlSettings, order: Row, actor: str, now: datetime) -> None:
    """What follows from the state that an order came into."""
    state = OrderState(order["state"])
    if state is not OrderState.REMOTE_ATTEMPT:
        ladder.withdraw(conn, order, now)
    if state not in ACTIVE:
        ladder.back_in_service(conn, settings, order, actor, now)
    if state in (OrderState.VERIFIED, OrderState.CANCELLED):
        because = f"{order['number']} {state.value}" + (f": {order['ended_because']}" if order["ended_because"] else "")
        incidents.close_of_order(conn, settings, order, actor, because, now)


def _found(conn: Connection, order: Row, finding: Finding, actor: str, now: datetime) -> None:
    """Keep a finding, and the label that it is. A fault found before it struck was growing until somebody came."""
    end = max(now, order["onset_at"])
    ramp_s = 0.0 if order["predicted_at"] is None else (end - order["onset_at"]).total_seconds()
    run(conn, "finding_add", order_id=order["order_id"], at=now, actor=actor, **finding.model_dump())
    run(
        conn,
        "label_add",
        port=order["port"],
        start_at=order["onset_at"],
        end_at=end,
        ramp_s=ramp_s,
        fault=finding.family,
        variant=finding.mechanism or "",
        source="technician",
        who=actor,
        note=_sentence(finding),
        present=finding.found,
        order_id=order["order_id"],
    )
    record(conn, actor, "finding", "work_order", order["number"], **finding.model_dump())
    note(conn, actor, "finding", _sentence(finding), at=now, order=order["order_id"])


def _sentence(finding: Finding) -> str:
    if not finding.found:
        return "No fault found" + (f": {finding.note}" if finding.note else "")
    parts = [catalogue()[finding.family].title.partition(":")[0]]
    parts += [MECHANISMS[finding.mechanism].lower()] if finding.mechanism else []
    parts += [f"cause: {CAUSES[finding.cause].lower()}"] if finding.cause != "unknown" else []
    parts += [f"part: {finding.part}"] if finding.part else []
    parts += [finding.note] if finding.note else []
    return "; ".join(parts)


def verify(conn: Connection, settings: ControlSettings, number: str, session_key: str, now: datetime) -> None:
    """A successful session after the repair verifies it; nothing if a person was faster."""
    order = _order(conn, number)
    if order["state"] == OrderState.RESOLVED:
        reason = f"charging session {session_key} succeeded after the repair"
        moved = move(conn, settings, order, OrderState.VERIFIED, VERIFY, now, reason=reason)
        follow(conn, settings, moved, VERIFY, now)


def order_by_hand(conn: Connection, settings: ControlSettings, incident_id: object, actor: str, now: datetime) -> Row:
    """An order that a person wants for an incident; the one that is active already if there is one.

    An incident that is over has nothing new to say to an active order: it is linked and the order stays as it is.
    """
    known = row(conn, "incident_station", incident_id=incident_id)
    if known is None:
        raise NotThereError(f"there is no incident {incident_id}")
    lock_station(conn, known["station"])
    incident = one(conn, "incident_of_id", incident_id=incident_id)
    active = row(conn, "order_active_of", port=incident["port"], family=incident["family"])
    if active is None or incident["state"] == "open":
        active, _ = open_for(conn, settings, incident, catalogue()[incident["family"]], actor, now)
    incidents.link(conn, incident, active["order_id"])
    return active


def say(conn: Connection, number: str, actor: str, text: str, now: datetime) -> None:
    """A person's note on an order."""
    order = one(conn, "order_of_number", number=number)
    note(conn, actor, "note", text, at=now, order=order["order_id"])
    record(conn, actor, "note", "work_order", number, reason=text)
