"""The tables of the job queue (procrastinate), kept at the version of the installed library."""

from pathlib import Path
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager


def migrate(conn: psycopg.Connection[Any]) -> list[str]:
    """Bring the job queue in the connection's schema up to date, inside its transaction; the names of what was applied.

    An empty schema gets procrastinate's own schema file; an older one the migration files that came since. Which files
    are in is kept in `procrastinate_migration`.
    """
    conn.execute("CREATE TABLE IF NOT EXISTS procrastinate_migration (name text PRIMARY KEY)")
    shipped = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    known = {name for (name,) in conn.execute("SELECT name FROM procrastinate_migration")}
    if known:
        new = [path for path in shipped if path.name not in known]
        for path in new:
            conn.execute(path.read_bytes())
    else:
        new = shipped
        conn.execute(SchemaManager.get_schema().encode())
    with conn.cursor() as cursor:
        cursor.executemany("INSERT INTO procrastinate_migration VALUES (%s)", [(path.name,) for path in new])
    return [f"procrastinate.{path.stem}" for path in new] if known else ["procrastinate"]
