"""Incidents in the database: at most one open per port and fault family, fed by alerts and by drivers' reports."""

import uuid
from datetime import datetime
from typing import Any, Final

from control.change_log import INTAKE, note, record
from control.messages import tell
from control.queries import Connection, Row, one, row, rows, run
from control.rules.episode import Summary, subject, summarise
from control.settings import ControlSettings
from schemas.alerts import Alert

_SPACE: Final = uuid.UUID("0b9cfe5a-7c3e-5f52-8f57-2d5a1f0f6c11")


def known_id(*parts: object) -> uuid.UUID:
    """The id that `parts` name, the same whenever it is asked for: what is done again finds what was done before."""
    return uuid.uuid5(_SPACE, "|".join(str(part) for part in parts))


def place(conn: Connection, settings: ControlSettings, alert: Alert, now: datetime, *, historic: bool) -> Row:
    """The incident of an alert that was not seen before, made if there is none; the caller holds the station's lock.

    Whoever wants to hear of opened incidents is told where one is made.

    A historic alert gets a closed incident of its own. A fresh one joins the open incident of its port and family; if it
    is over already and there is none, it gets a closed one.
    """
    found = None if historic else row(conn, "incident_open_of", port=subject(alert), family=alert.family)
    if found is not None:
        return found
    if historic or alert.state == "cleared":
        because = "history: the alert was old on arrival" if historic else "the alert was over when it came"
        episode = known_id("episode", alert.id, alert.family)
        return _add(conn, settings, alert, episode, because, now, history=historic)
    ordinal = one(conn, "incident_count", port=subject(alert), family=alert.family)["n"]
    return _add(conn, settings, alert, known_id("incident", subject(alert), alert.family, ordinal), None, now)


def _add(
    conn: Connection,
    settings: ControlSettings,
    alert: Alert,
    incident_id: uuid.UUID,
    because: str | None,
    now: datetime,
    *,
    history: bool = False,
) -> Row:
    """A new incident: open, and told of, unless it is over `because`."""
    summary = summarise([alert])
    added = row(
        conn,
        "incident_add",
        incident_id=incident_id,
        port=subject(alert),
        station=alert.station,
        family=alert.family,
        state="closed" if because else "open",
        source="alert",
        history=history,
        closed_at=alert.at() if because else None,
        closed_because=because,
        **_said(summary),
    )
    if added is None:  # another intake was faster; the index has waited for it
        return one(conn, "incident_open_of", port=subject(alert), family=alert.family)
    record(conn, INTAKE, "open" if not because else "note", "incident", incident_id, reason=because, alert=alert.id)
    if because is None:
        tell(conn, settings, "incident.opened", now, **brief(added))
    return added


def _said(summary: Summary) -> dict[str, Any]:
    return {
        "severity": summary.severity,
        "onset_at": summary.onset_at,
        "opened_at": summary.opened_at,
        "why": summary.why,
        "score": summary.score,
        "probability": summary.probability,
        "ports": list(summary.ports),
        "predicted_at": summary.expected_at,
    }


def alerts_of(conn: Connection, incident_id: uuid.UUID) -> list[Alert]:
    """The alerts that an incident has now. One that has cleared keeps what it said last: why there was an incident."""
    return [_as_told(found) for found in rows(conn, "inbox_alerts", incident_id=incident_id)]


def _as_told(found: Row) -> Alert:
    newest = Alert.model_validate(found["body"])
    if newest.state != "cleared" or found["told"] is None:
        return newest
    told = Alert.model_validate(found["told"])
    return told.model_copy(update={"state": "cleared", "cleared_at": newest.cleared_at, "revision": newest.revision})


def refresh(conn: Connection, incident: Row) -> tuple[Row, Summary]:
    """The incident after its alerts changed, and what they say together. A driver's report is never made less urgent."""
    summary = summarise(alerts_of(conn, incident["incident_id"]))
    said = _said(summary)
    if incident["source"] == "report":
        said |= {
            "severity": min(incident["severity"], summary.severity),
            "opened_at": min(incident["opened_at"], summary.opened_at),
            "onset_at": min(incident["onset_at"], summary.onset_at),
            "ports": sorted({*incident["ports"], *summary.ports}),
            "predicted_at": None,
        }
    return one(conn, "incident_update", incident_id=incident["incident_id"], **said), summary


def close(conn: Connection, settings: ControlSettings, incident: Row, actor: str, because: str, at: datetime) -> None:
    """End an open incident; nothing if it is closed already."""
    closed = row(conn, "incident_close", incident_id=incident["incident_id"], closed_at=at, closed_because=because)
    if closed is None:
        return
    record(conn, actor, "close", "incident", incident["incident_id"], reason=because)
    note(conn, actor, "state", f"Closed: {because}", at=at, incident=incident["incident_id"])
    tell(conn, settings, "incident.closed", at, **brief(closed), because=because)


def close_of_order(
    conn: Connection, settings: ControlSettings, order: Row, actor: str, because: str, at: datetime
) -> None:
    """End every open incident that an order is about."""
    for incident in rows(conn, "incidents_open_of_order", order_id=order["order_id"]):
        close(conn, settings, incident, actor, because, at)


def link(conn: Connection, incident: Row, order_id: uuid.UUID) -> None:
    """Say which order an incident led to."""
    if incident["order_id"] != order_id:
        run(conn, "incident_set_order", incident_id=incident["incident_id"], order_id=order_id)
        incident["order_id"] = order_id


def brief(incident: Row) -> dict[str, Any]:
    """An incident in a message."""
    return {
        "incident": str(incident["incident_id"]),
        "port": incident["port"],
        "family": incident["family"],
        "severity": incident["severity"],
        "why": incident["why"],
        "predicted_at": None if incident["predicted_at"] is None else incident["predicted_at"].isoformat(),
        "history": incident["history"],
    }
