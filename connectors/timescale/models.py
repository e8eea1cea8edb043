"""The registry of failure models: which there are, which is live, which run in shadow. The table holds their bytes too."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

State = Literal["live", "shadow", "retired"]
Conn = psycopg.Connection[Any]


class ModelError(ValueError):
    """A step with a model that cannot be taken; the message says why and what can be done."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model without its bytes: `level` is P(7 days) from which it asks for orders, `features` names by family."""

    version: str
    state: State
    source: str
    trained_at: datetime
    from_at: datetime
    to_at: datetime
    level: float
    features: dict[str, list[str]]
    scores: dict[str, float]
    promoted_at: datetime | None = None


_COLUMNS = "version, state, source, trained_at, from_at, to_at, level, features, scores, promoted_at"


def add(conn: Conn, entry: Entry, body: bytes) -> bool:
    """Enter a model with its bytes; false where one of this version is there already (it is left as it is)."""
    made = conn.execute(
        f"INSERT INTO model ({_COLUMNS}, digest, body) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "  # noqa: S608
        "ON CONFLICT (version) DO NOTHING",
        (
            entry.version, entry.state, entry.source, entry.trained_at, entry.from_at, entry.to_at, entry.level,
            Jsonb(entry.features), Jsonb(entry.scores), entry.promoted_at, hashlib.sha256(body).digest(), body,
        ),
    )  # fmt: skip
    return made.rowcount == 1


def entries(conn: Conn) -> list[Entry]:
    """All models, the live one first, then the newest."""
    with conn.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM model "  # noqa: S608
            "ORDER BY state <> 'live', state <> 'shadow', trained_at DESC, version"
        ).fetchall()


def entry(conn: Conn, version: str) -> Entry:
    """The model of that version; ModelError if there is none."""
    found = [one for one in entries(conn) if one.version == version]
    if not found:
        raise ModelError(f"there is no model {version!r}: `chargewell models list` shows those that there are")
    return found[0]


def body(conn: Conn, version: str) -> bytes:
    """The bytes of a model; ModelError where they are not those that were entered."""
    row = conn.execute("SELECT body, digest FROM model WHERE version = %s", (version,)).fetchone()
    if row is None:
        raise ModelError(f"there is no model {version!r}: `chargewell models list` shows those that there are")
    if hashlib.sha256(row[0]).digest() != bytes(row[1]):
        raise ModelError(f"the bytes of model {version!r} are not those that were entered: train or add it anew")
    return bytes(row[0])


def promote(conn: Conn, version: str, now: datetime | None = None, *, level: float | None = None) -> Entry:
    """Make a model the live one, with another `level` if one is given; the one that was live is retired. ModelError if it is
    live already (and no other level is given), or not there."""
    with conn.transaction():
        found = entry(conn, version)
        if level is not None:
            conn.execute("UPDATE model SET level = %s WHERE version = %s", (level, version))
        if found.state == "live":
            if level is None:
                raise ModelError(f"model {version} is live already")
            return entry(conn, version)
        conn.execute("UPDATE model SET state = 'retired' WHERE state = 'live'")
        conn.execute(
            "UPDATE model SET state = 'live', promoted_at = %s WHERE version = %s", (now or datetime.now(UTC), version)
        )
        return entry(conn, version)


def rollback(conn: Conn) -> Entry:
    """Make the model live that was live before this one; the present one is retired. ModelError if there was none."""
    with conn.transaction():
        row = conn.execute(
            "SELECT version FROM model WHERE state <> 'live' AND promoted_at IS NOT NULL ORDER BY promoted_at DESC LIMIT 1"
        ).fetchone()
        if row is None:
            raise ModelError("no other model was ever live: there is nothing to go back to")
        conn.execute("UPDATE model SET state = 'retired', promoted_at = NULL WHERE state = 'live'")
        conn.execute("UPDATE model SET state = 'live' WHERE version = %s", row)
        return entry(conn, row[0])
