"""What follows from an alert for its incident, its order and the driver's money; in the transaction that takes it."""

from datetime import datetime

from control import credits, incidents, ladder, site_outage
from control.change_log import INTAKE, note
from control.desk import follow
from control.queries import Connection, Row
from control.rules.credits import entitled
from control.rules.episode import Summary
from control.rules.orders import on_clear, wants_order
from control.settings import ControlSettings
from control.work_orders import locked, mark_cleared, move, open_for
from schemas.alerts import Alert
from schemas.faults import FaultFamily
from schemas.work import ACTIVE, UNTOUCHED, OrderState


def incident_told(
    conn: Connection,
    settings: ControlSettings,
    incident: Row,
    summary: Summary,
    family: FaultFamily,
    now: datetime,
) -> None:
    """For a live incident that has just been told about: an order with its remedies, or an end."""
    if incident["state"] == "closed":
        return
    if summary.cleared_at is None:
        _order(conn, settings, incident, family, now)
    else:
        _cleared(conn, settings, incident, summary, family, now)


def _order(conn: Connection, settings: ControlSettings, incident: Row, family: FaultFamily, now: datetime) -> None:
    if not wants_order(family):
        return
    if incident["order_id"] is not None and locked(conn, incident["order_id"])["state"] not in ACTIVE:
        return  # repaired and not verified yet: the alert's next words are no reason for a second truck
    order, due = open_for(conn, settings, incident, family, INTAKE, now)
    incidents.link(conn, incident, order["order_id"])
    if due:
        ladder.begin(conn, settings, order, INTAKE, now)
    else:
        ladder.protect(conn, settings, order, INTAKE, now)
    site_outage.look(conn, incident, now)


def _cleared(
    conn: Connection, settings: ControlSettings, incident: Row, summary: Summary, family: FaultFamily, now: datetime
) -> None:
    over = summary.cleared_at or now
    if incident["source"] == "alert":
        incidents.close(conn, settings, incident, INTAKE, "the alert cleared", over)
    if incident["order_id"] is None:
        return
    order = locked(conn, incident["order_id"])
    state = OrderState(order["state"])
    if state not in ACTIVE:
        return
    verdict = on_clear(state, family, summary, remedied=ladder.was_remedied(conn, order))
    if verdict == "mark":
        mark_cleared(conn, order, over, now)
        if state is OrderState.REMOTE_ATTEMPT:
            _go(conn, settings, order, OrderState.OPEN, "the alert cleared: nothing more is tried from afar", now)
    elif verdict == "resolve":
        _go(conn, settings, order, OrderState.RESOLVED, "mended from afar: the alert cleared after a remedy", now)
    else:
        _go(conn, settings, order, OrderState.CANCELLED, "the alert cleared by itself before anybody took it up", now)


def _go(conn: Connection, settings: ControlSettings, order: Row, to: OrderState, reason: str, now: datetime) -> None:
    follow(conn, settings, move(conn, settings, order, to, INTAKE, now, reason=reason), INTAKE, now)


def incident_left(
    conn: Connection, settings: ControlSettings, incident: Row, alert: Alert, family: FaultFamily, now: datetime
) -> None:
    """For an incident that `alert` has left because `family` explains it now: over since then, if nothing else speaks for it."""
    if incident["state"] == "closed" or incident["source"] == "report":
        return
    if incidents.alerts_of(conn, incident["incident_id"]):
        return
    because = f"explained otherwise now: {family.title.partition(':')[0].lower()}"
    incidents.close(conn, settings, incident, INTAKE, because, alert.at())
    if incident["order_id"] is None:
        return
    order = locked(conn, incident["order_id"])
    if OrderState(order["state"]) in UNTOUCHED:
        _go(conn, settings, order, OrderState.CANCELLED, because, now)
    elif OrderState(order["state"]) in ACTIVE:
        note(conn, INTAKE, "note", f"The alert is {because}", at=now, order=order["order_id"])


def credit_for(
    conn: Connection, settings: ControlSettings, alert: Alert, incident: Row, family: FaultFamily, now: datetime
) -> None:
    """For the driver: a credit for a session that was cut, or its end if it was not cut after all."""
    if entitled(alert, family):
        credits.consider(conn, settings, alert, incident["incident_id"], now)
    elif alert.kind == "session_cut" and alert.state == "cleared":
        credits.reconsider(conn, alert, now)
