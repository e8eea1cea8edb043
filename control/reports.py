"""Fault reports by drivers: a note on what is known already, else an incident that a person looks at."""

from datetime import datetime
from uuid import uuid4

from control.change_log import note, record
from control.commands import lock_station
from control.incidents import brief
from control.messages import tell
from control.queries import Connection, Row, one, row, run
from control.rules.public import PROBLEMS
from control.settings import ControlSettings

ACTOR = "public"


def report(conn: Connection, settings: ControlSettings, port: str, problem: str, text: str, now: datetime) -> Row:
    """Take a report on a known port; the incident that it was added to, or that was opened for it.

    Nothing is ordered, sent or credited for a report alone: anybody can write one.
    """
    station = port.rpartition("/")[0]
    said = PROBLEMS[problem]
    with conn.transaction():
        lock_station(conn, station)
        incident = row(conn, "incident_to_join", port=port, station=station, family=said.family)
        if incident is None:
            incident = _open(conn, port, station, problem, now)
            tell(conn, settings, "incident.opened", now, **brief(incident))
        run(conn, "report_add", incident_id=incident["incident_id"], port=port, at=now, problem=problem, text=text)
        words = f"A driver reports at {port}: {said.label.lower()}" + (f". “{text}”" if text else "")
        note(conn, ACTOR, "report", words, at=now, incident=incident["incident_id"], problem=problem)
    return incident


def _open(conn: Connection, port: str, station: str, problem: str, now: datetime) -> Row:
    said = PROBLEMS[problem]
    incident = one(
        conn,
        "incident_add",
        incident_id=uuid4(),
        port=port,
        station=station,
        family=said.family,
        severity=said.severity,
        state="open",
        source="report",
        history=False,
        onset_at=now,
        opened_at=now,
        closed_at=None,
        closed_because=None,
        why=f"A driver reports: {said.label.lower()}.",
        score=None,
        probability=None,
        ports=[port],
        predicted_at=None,
    )
    record(conn, ACTOR, "open", "incident", incident["incident_id"], problem=problem)
    return incident
