"""One alert, one transaction: inbox, incident, work order, remedies, credit and the jobs that carry them out, or nothing."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.types.json import Jsonb

from control import incidents
from control.change_log import note
from control.commands import lock_station
from control.consequences import credit_for, incident_left, incident_told
from control.queries import Connection, Row, one, row, run
from control.rules.episode import is_history, subject
from control.settings import ControlSettings
from schemas.alerts import Alert
from schemas.faults import catalogue


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
        old = is_history(alert, now, settings.history_after)
        known = None if newest is None else one(conn, "incident_of_id", incident_id=newest["incident_id"])
        over = newest is not None and newest["state"] == "cleared"
        incident = _incident(conn, settings, alert, known, now, over=over, old=old)
        _enter(conn, alert, incident, now, historic=old)
        if known is not None and known["incident_id"] != incident["incident_id"]:
            incident_left(conn, settings, known, alert, family, now)
        incident, summary = incidents.refresh(conn, incident)
        if not incident["history"]:
            incident_told(conn, settings, incident, summary, family, now)
            credit_for(conn, settings, alert, incident, family, now)
        if known is not None:
            return Taken.REVISION
        return Taken.HISTORY if old else Taken.NEW


def _incident(
    conn: Connection,
    settings: ControlSettings,
    alert: Alert,
    known: Row | None,
    now: datetime,
    *,
    over: bool,
    old: bool,
) -> Row:
    """The incident of an alert: for good the one it was in, unless it is explained by another family now, or comes back.

    It comes back if it was `over`, its incident is closed, and it says that something is wrong again. An alert that was live
    when it first came is never history later, however long it goes on.
    """
    if known is None:
        return incidents.place(conn, settings, alert, now, historic=old)
    comes_back = over and known["state"] == "closed" and alert.state != "cleared"
    if known["history"] or (known["family"] == alert.family and not comes_back):
        return known
    return incidents.place(conn, settings, alert, now, historic=False)


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
    note(
        conn,
        f"alert:{alert.source}",
        "alert",
        _line(alert),
        at=alert.at(),
        incident=incident["incident_id"],
        **said,
    )


def _line(alert: Alert) -> str:
    """An alert revision as a line of its incident's story."""
    verb = {"raised": "Raised", "updated": "Now", "cleared": "Cleared"}[alert.state]
    return f"{verb} ({alert.severity}, {alert.port}): {alert.text}"
