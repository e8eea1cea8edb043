"""Work orders in the database: made once per port and family, moved along the table of states, never silently."""

from datetime import datetime
from typing import Any
from uuid import UUID

from control.change_log import INTAKE, note, record
from control.incidents import known_id
from control.messages import tell
from control.queries import Connection, Row, one, row, rows, run
from control.rules.orders import draft
from control.rules.planning import LOOKED_BACK, Visit, quietest
from control.rules.remedies import plan
from control.settings import ControlSettings
from schemas.alerts import Severity
from schemas.faults import FaultFamily
from schemas.work import STATE_TITLES, OrderState, due, step


class OrderError(ValueError):
    """A step that the order cannot take now; the message says why and what can be done."""


def open_for(
    conn: Connection, settings: ControlSettings, incident: Row, family: FaultFamily, actor: str, now: datetime
) -> tuple[Row, bool]:
    """The active order for an incident, and whether its remedies are due now: it was made, or what it expected has come.

    An order that is being worked on for the same port and family takes the incident in: it becomes as urgent as the
    incident is, says what the incident says, and counts as raised again.
    """
    expected = incident["predicted_at"]
    said = draft(family, incident["port"], incident["severity"], predicted=expected is not None)
    found = row(conn, "order_active_of", port=incident["port"], family=family.name)
    if found is not None:
        updated = _update(conn, found, incident, min(found["priority"], said.priority))
        return replan(conn, updated, incident, said.what, now), found["predicted_at"] is not None and expected is None
    deadlines = due(said.priority, incident["opened_at"])
    order = one(
        conn,
        "order_add",
        order_id=known_id("order", incident["incident_id"])
        if actor == INTAKE
        else known_id("order", incident["incident_id"], now),
        number=f"WO-{one(conn, 'next_number', name='work_order')['value']}",
        port=incident["port"],
        station=incident["station"],
        family=family.name,
        priority=said.priority,
        state=OrderState.REMOTE_ATTEMPT
        if plan(family).fixes and actor == INTAKE and expected is None
        else OrderState.OPEN,
        source=incident["source"] if actor == INTAKE else "manual",
        what=said.what,
        why=incident["why"],
        bring=list(said.bring),
        checks=list(said.checks),
        onset_at=incident["onset_at"],
        opened_at=incident["opened_at"],
        state_since=now,
        **deadlines._asdict(),
    )
    record(conn, actor, "open", "work_order", order["number"], incident=str(incident["incident_id"]))
    note(conn, actor, "state", f"{order['number']} opened: {order['what']}", at=now, order=order["order_id"])
    order = replan(conn, order, incident, said.what, now)
    tell(conn, settings, "work_order.opened", now, **brief(order))
    return order, expected is None


def replan(conn: Connection, order: Row, incident: Row, what: str, now: datetime) -> Row:
    """Propose a visit for a failure that is expected; take the proposal back once it is there. The order afterwards.

    A visit that was proposed stands unless the failure is expected before it.
    """
    expected = incident["predicted_at"]
    if expected is None and order["predicted_at"] is None:
        return order
    wanted: dict[str, Any] = {
        "predicted_at": expected, "planned_from": None, "planned_to": None, "model_version": None,
        "restore_by": order["restore_by"],
    }  # fmt: skip
    if expected is not None:
        visit = _visit(conn, order, expected, now)
        model = row(conn, "model_of_incident", incident_id=incident["incident_id"])
        wanted |= {"planned_from": visit.begin, "planned_to": visit.end, "model_version": model and model["version"]}
        wanted["restore_by"] = max(min(order["restore_by"], expected), visit.end)
    planned = one(conn, "order_plan", order_id=order["order_id"], **wanted)
    if wanted["planned_from"] != order["planned_from"]:
        text = "The failure is there: no visit is planned any more" if expected is None else _proposal(planned)
        record(conn, INTAKE, "plan", "work_order", order["number"], reason=text)
        note(conn, INTAKE, "note", text, at=now, order=order["order_id"])
    return planned


def _visit(conn: Connection, order: Row, expected: datetime, now: datetime) -> Visit:
    if order["planned_from"] is not None and order["planned_to"] <= expected and order["planned_from"] > now:
        return Visit(order["planned_from"], order["planned_to"])
    zone = row(conn, "zone_of_station", station=order["station"])
    charged = rows(conn, "charging_since", port=order["port"], since=now - LOOKED_BACK)
    spans = [(c["started_at"], c["ended_at"]) for c in charged]
    return quietest(spans, now, expected, "UTC" if zone is None else zone["time_zone"])


def _proposal(order: Row) -> str:
    return (
        f"Visit proposed {order['planned_from']:%Y-%m-%d %H:%M %Z} to {order['planned_to']:%H:%M}, when the port is used least, "
        f"before the failure expected {order['predicted_at']:%Y-%m-%d %H:%M %Z}"
    )


def hurry(conn: Connection, order: Row, priority: Severity, actor: str, because: str, now: datetime) -> None:
    """Make an order as urgent as `priority`, with its deadlines; nothing if it is so already. Row must be locked."""
    if order["priority"] <= priority:
        return
    deadlines = due(priority, order["opened_at"])._asdict()
    run(conn, "order_hurry", order_id=order["order_id"], priority=priority, **deadlines)
    record(
        conn, actor, "priority", "work_order", order["number"], reason=because, before=order["priority"], after=priority
    )
    note(conn, actor, "note", f"{priority} now. {because}", at=now, order=order["order_id"])


def _update(conn: Connection, order: Row, incident: Row, priority: Severity) -> Row:
    wanted = {
        "priority": priority,
        "why": incident["why"],
        "onset_at": min(order["onset_at"], incident["onset_at"]),
        **due(priority, order["opened_at"])._asdict(),
    }
    if all(order[key] == value for key, value in wanted.items()) and order["cleared_at"] is None:
        return order
    updated = one(conn, "order_update", order_id=order["order_id"], **wanted)
    if priority != order["priority"]:
        record(conn, INTAKE, "priority", "work_order", order["number"], before=order["priority"], after=priority)
    return updated


def move(
    conn: Connection,
    settings: ControlSettings,
    order: Row,
    to: OrderState,
    actor: str,
    now: datetime,
    *,
    reason: str | None = None,
    assignee: str | None = None,
) -> Row:
    """Take the step to `to`; OrderError if there is no such step from where the order stands. Row must be locked."""
    was = OrderState(order["state"])
    if step(was, to) is None:
        raise OrderError(
            f"{order['number']} is {STATE_TITLES[was].lower()} and cannot become {STATE_TITLES[to].lower()}: "
            "look at it again, somebody may have changed it"
        )
    moved = one(conn, "order_move", order_id=order["order_id"], state=to, at=now, assignee=assignee, reason=reason)
    record(conn, actor, "state", "work_order", order["number"], reason=reason, before=was, after=to)
    text = STATE_TITLES[to] + (f": {reason}" if reason else "")
    note(conn, actor, "state", text, at=now, order=order["order_id"])
    tell(conn, settings, "work_order.changed", now, **brief(moved), before=was)
    return moved


def mark_cleared(conn: Connection, order: Row, at: datetime, now: datetime) -> None:
    """Say on an order that its alerts are over; it goes on, people decide."""
    if order["cleared_at"] is not None:
        return
    run(conn, "order_mark_cleared", order_id=order["order_id"], cleared_at=at)
    record(conn, INTAKE, "alert cleared", "work_order", order["number"], at=at.isoformat())
    note(
        conn,
        INTAKE,
        "note",
        "The alert has cleared. The order stays: look before closing it.",
        at=now,
        order=order["order_id"],
    )


def locked(conn: Connection, order_id: UUID) -> Row:
    """The order, locked until the transaction ends."""
    return one(conn, "order_of_id", order_id=order_id)


def brief(order: Row) -> dict[str, Any]:
    """An order in a message."""
    return {
        "work_order": order["number"],
        "port": order["port"],
        "family": order["family"],
        "priority": order["priority"],
        "state": order["state"],
        "what": order["what"],
        "why": order["why"],
        "restore_by": order["restore_by"].isoformat(),
    }
