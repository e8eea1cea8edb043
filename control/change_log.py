"""The change log and the notes: who did what, for the record and for people."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from control.queries import Connection, run

Kind = Literal["incident", "work_order", "command", "credit", "account", "token"]
NoteKind = Literal["alert", "note", "state", "remedy", "report", "credit", "finding"]

INTAKE = "rule:intake"
LADDER = "rule:remedies"
CREDITS = "rule:credits"
VERIFY = "rule:verify"


def record(
    conn: Connection, actor: str, action: str, kind: Kind, subject: object, *, reason: str | None = None, **data: Any
) -> None:
    """Add a line to the change log, in the transaction of the change itself. `data` is JSON."""
    run(
        conn,
        "change_log_add",
        actor=actor,
        action=action,
        kind=kind,
        subject=str(subject),
        reason=reason,
        data=Jsonb(data),
    )


def note(
    conn: Connection,
    actor: str,
    kind: NoteKind,
    text: str,
    *,
    at: datetime,
    incident: UUID | None = None,
    order: UUID | None = None,
    **data: Any,
) -> None:
    """Add a line to what people read under an incident or an order (one of both, or both)."""
    parameters = {"at": at, "actor": actor, "kind": kind, "text": text, "data": Jsonb(data)}
    run(conn, "note_add", incident_id=incident, order_id=order, **parameters)
