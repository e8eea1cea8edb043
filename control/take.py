"""One alert, one transaction: inbox, incident, work order, remedies, credit and the jobs that carry them out, or nothing."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from control import credits, incidents, ladder
from control.change_log import INTAKE, note
from control.commands import lock_station
from control.desk import follow
from control.messages import tell
from control.queries import Connection, Row, one, row, run
from control.rules.credits import entitled
from control.rules.episode import Summary, is_history, subject
from control.rules.orders import on_clear, wants_order
from control.settings import ControlSettings
from control.work_orders import locked, mark_cleared, move, open_for
from schemas.alerts import Alert
from schemas.faults import FaultFamily, catalogue
from schemas.work import ACTIVE, OrderState


class Taken(StrEnum):
    """What became of an alert."""

    NEW = "new"
    REVISION = "revision"
    HISTORY = "history"
    STALE = "stale"


class UnknownFamilyError(ValueError):
    """The alert names a fault family that the catalogue does not have."""


def take(conn: Connection, settings: ControlSettings, alert: Alert, now: datetime) -> Taken:
    """Take one alert revision, whole or not at all; the same or an older revision again changes nothing.

    `now` is the time of arrival. `conn` is in autocommit; locks last for one transaction of a few milliseconds and make
    intakes of one station wait for each other. Raises psycopg.Error with nothing changed; UnknownFamilyError.
    """
    family = catalogue().get(alert.family)
    if family is None:
        raise UnknownFamilyError(
            f"fault family {alert.family!r} is not in the catalogue: is this control older than its flows?"
        )
    with conn.transaction():
        lock_station(conn, alert.station)
        newest = row(conn, "inbox_newest", alert_id=alert.id)
        if newest is not None and newest["revision"] >= alert.revision:
            return Taken.STALE
        historic = is_history(alert, now, settings.history_after)
        if newest is None:
            incident = incidents.place(conn, alert, historic=historic)
        else:
            incident = one(conn, "incident_of_id", incident_id=newest["incident_id"])
        _enter(conn, alert, incident, now, historic=historic)
        incident, summary = incidents.refresh(conn, incident)
        if not incident["history"]:
            _act(conn, settings, alert, incident, summary, family, now, first=newest is None)
        if not historic and entitled(alert, family):
            credits.consider(conn, settings, alert, incident["incident_id"], now)
        if historic and newest is None:
            return Taken.HISTORY
        return Taken.NEW if newest is None else Taken.REVISION


def _enter(conn: Connection, alert: Alert, incident: Row, now: datetime, *, historic: bool) -> None:
    run(
        conn,
        "inbox_add",
        alert_id=alert.id,
        revision=alert.revision,
        incident_id=incident["incident_id"],
        subject=subject(alert),
        said_at=alert.at(),
        received_at=now,
        historic=historic,
        body=Jsonb(alert.model_dump(mode="json")),
    )
    said: dict[str, Any] = {
        "alert": alert.id,
        "revision": alert.revision,
        "severity": alert.severity,
        "port": alert.port,
    }
    note(conn, f"alert:{alert.source}", "alert", _line(alert), at=alert.at(), incident=incident["incident_id"], **said)


def _line(alert: Alert) -> str:
    """An alert revision as a line of its incident's story."""
    verb = {"raised": "Raised", "updated": "Told again", "cleared": "Cleared"}[alert.state]
    return f"{verb} ({alert.severity}, {alert.port}): {alert.text}"


def _act(
    conn: Connection,
    settings: ControlSettings,
    alert: Alert,
    incident: Row,
    summary: Summary,
    family: FaultFamily,
    now: datetime,
    *,
    first: bool,
) -> None:
    """What follows for a live incident: told to the outside, an order with its remedies, or an end."""
    if incident["state"] == "closed":
        return
    if first and incident["opened_at"] == alert.raised_at and summary.cleared_at is None:
        tell(conn, settings, "incident.opened", now, **incidents.brief(incident))
    if summary.cleared_at is None:
        _order(conn, settings, incident, family, now)
    else:
        _cleared(conn, settings, incident, summary, family, now)


def _order(conn: Connection, settings: ControlSettings, incident: Row, family: FaultFamily, now: datetime) -> None:
    if not wants_order(family):
        return
    if incident["order_id"] is not None and locked(conn, incident["order_id"])["state"] not in ACTIVE:
        return  # repaired and not verified yet: the alert's next words are no reason for a second truck
    order, fresh = open_for(conn, settings, incident, family, INTAKE, now)
    incidents.link(conn, incident, order["order_id"])
    if fresh:
        ladder.begin(conn, settings, order, INTAKE, now)


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
    elif verdict == "resolve":
        moved = move(
            conn,
            settings,
            order,
            OrderState.RESOLVED,
            INTAKE,
            now,
            reason="mended from afar: the alert cleared after a remedy",
        )
        follow(conn, settings, moved, INTAKE, now)
    else:
        moved = move(
            conn,
            settings,
            order,
            OrderState.CANCELLED,
            INTAKE,
            now,
            reason="the alert cleared by itself before anybody took it up",
        )
        follow(conn, settings, moved, INTAKE, now)
