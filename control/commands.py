"""Commands to stations: decided in a transaction, sent by a job, answered by an event.

The answer is read from the table `event`, not from the telemetry topic: the table holds every answer once, whenever it came
and however often control was restarted, and needs no second consumer with offsets of its own. It costs the time that the
store takes to write (below a second as a rule).
"""

import uuid
from datetime import datetime, timedelta
from typing import Final

import orjson
from psycopg.types.json import Jsonb

from connectors.timescale.pool import advisory_key
from control.change_log import LADDER, note, record
from control.incidents import known_id
from control.jobs import defer
from control.queries import Connection, Row, one, row, run
from control.rules.remedies import REMEDIES, Refuse, Remedy, Send, Station, Wait, may_send
from control.rules.words import duration
from control.settings import ControlSettings
from schemas.work import CommandState

RESETS: Final = sorted(r.name for r in REMEDIES.values() if r.resets)


def lock_station(conn: Connection, station: str) -> None:
    """Let one transaction at a time decide about a station; held until the transaction ends."""
    run(conn, "lock_station", key=advisory_key("station", station))


def issue(
    conn: Connection,
    settings: ControlSettings,
    remedy: Remedy,
    *,
    order: Row,
    incident: uuid.UUID | None,
    actor: str,
    why: str,
    now: datetime,
    safety: bool = False,
    after: timedelta = timedelta(),
) -> uuid.UUID:
    """Enter a command for the order's port and have it sent after the transaction, not before `after` has passed; its id."""
    command_id = known_id("command", order["order_id"], remedy.name, now)
    added = row(
        conn,
        "command_add",
        command_id=command_id,
        order_id=order["order_id"],
        incident_id=incident,
        station=order["station"],
        port=order["port"],
        name=remedy.name,
        params=Jsonb(remedy.params),
        safety=safety,
        actor=actor,
        why=why,
        created_at=now,
        expires_at=now + after + settings.command_ttl,
    )
    if added is not None:
        record(conn, actor, "issue", "command", command_id, reason=why, name=remedy.name, port=order["port"])
        planned = f"{remedy.title}: " + (f"tried again in {duration(after)}" if after else "planned")
        note(conn, actor, "remedy", planned, at=now, order=order["order_id"], incident=incident)
        defer(conn, "send_command", at=now + after if after else None, command_id=str(command_id))
    return command_id


def admit(conn: Connection, settings: ControlSettings, command: Row, now: datetime) -> Send | Wait | Refuse:
    """Whether a pending command may leave now; the caller holds the station's lock."""
    remedy = REMEDIES[command["name"]]
    whole = remedy.resets or command["port"].endswith("/0")
    asked = {"station": command["station"], "port": command["port"], "whole": whole, "resets": RESETS, "now": now}
    guard = one(conn, "station_guard", **asked)
    return may_send(
        remedy,
        safety=command["safety"],
        expires_at=command["expires_at"],
        now=now,
        station=Station(guard["running"], guard["resets"]),
        resets_per_day=settings.resets_per_day,
    )


def mark(conn: Connection, command: Row, state: CommandState, at: datetime, info: str = "") -> Row:
    """Set what became of a command, with a note on its order and a line in the change log."""
    marked = one(conn, "command_state", command_id=command["command_id"], state=state, at=at, info=info)
    record(conn, LADDER, state, "command", command["command_id"], reason=info or None, name=command["name"])
    if state != "sending":
        said = f"{REMEDIES[command['name']].title}: {state}" + (f" ({info})" if info else "")
        where = {"order": command["order_id"], "incident": command["incident_id"]}
        if any(where.values()):
            note(conn, LADDER, "remedy", said, at=at, **where)
    return marked


def message(command: Row) -> tuple[str, bytes]:
    """The MQTT topic and payload of a command."""
    body = {
        "id": str(command["command_id"]),
        "name": command["name"],
        "port": int(command["port"].rpartition("/")[2]),
        "params": command["params"],
        "expires_at": round(command["expires_at"].timestamp() * 1000),
    }
    return f"ev/{command['station']}/to/command", orjson.dumps(body)
