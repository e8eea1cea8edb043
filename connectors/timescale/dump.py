"""The schema as text, from the catalogue: what `schema.sql` holds and a test compares with the migrations replayed.

Written by us and not by pg_dump, whose text changes with its version. Views are listed by their columns, which is what
readers rely on; the job queue's tables are procrastinate's own and left out.
"""

import textwrap
from typing import Any, Final

import psycopg

from connectors.timescale.queries import query
from connectors.timescale.settings import Names

HEAD: Final = """\
-- The schema that the migrations add up to. Made from an empty database, not edited by hand:
--     chargewell migrate, then python -m connectors.timescale.dump DSN > connectors/timescale/schema.sql
"""
EDITIONS: Final = ("plain", "timescaledb")


def dump(conn: psycopg.Connection[Any], names: Names) -> tuple[str, str]:
    """The schema in two parts: what all editions share, and what is this edition's own (its indexes or hypertables)."""
    which = {"schema": names.schema, "pub": names.pub}
    tables = [_table(conn, which, *row) for row in conn.execute(query("dump_tables"), which)]
    indexes = [row[0] + ";" for row in conn.execute(query("dump_indexes"), which)]
    brin = [text for text in indexes if " USING brin " in text]
    views = [_view(*row) for row in conn.execute(query("dump_views"), which)]
    shared = [*tables, "\n".join(text for text in indexes if text not in brin), "\n".join(views)]
    found = conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    own = brin if found is None else brin + [row[0] for row in conn.execute(query("dump_hypertables"), which)]
    return "\n\n".join(shared), "\n".join(own)


def whole(shared: str, own: dict[str, str]) -> str:
    """The text of `schema.sql`: the shared part and a section for each edition."""
    sections = [f"-- edition: {name}\n{own[name]}" for name in EDITIONS]
    return "\n\n".join([HEAD.rstrip(), shared, *sections]) + "\n"


def parts(text: str) -> tuple[str, dict[str, str]]:
    """`whole` taken apart again."""
    shared, *sections = text.split("\n\n-- edition: ")
    own = {name: body for name, _, body in (section.rstrip("\n").partition("\n") for section in sections)}
    return shared.removeprefix(HEAD.rstrip() + "\n\n"), own


def _table(
    conn: psycopg.Connection[Any], which: dict[str, str], table: str, note: str | None, options: str | None
) -> str:
    of = {**which, "table": table}
    lines = [row[0] for row in conn.execute(query("dump_columns"), of)]
    lines += [row[0] for row in conn.execute(query("dump_constraints"), of)]
    text = f"CREATE TABLE {table} (\n    " + ",\n    ".join(lines) + (f"\n) WITH ({options});" if options else "\n);")
    return f"-- {note}\n{text}" if note else text


def _view(name: str, columns: str, note: str | None) -> str:
    return textwrap.fill(f"VIEW {name}: {note}; {columns}", 118, initial_indent="-- ", subsequent_indent="--     ")


def main() -> None:
    """Print `schema.sql` anew from the migrated database whose DSN is the argument; other editions' parts are kept."""
    import sys
    from importlib.resources import files

    from connectors.timescale.pool import connect
    from connectors.timescale.settings import DatabaseSettings

    with connect(DatabaseSettings(dsn=sys.argv[1])) as conn:
        shared, mine = dump(conn, Names())
        found = conn.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    file = files("connectors.timescale").joinpath("schema.sql")
    own = dict.fromkeys(EDITIONS, "") | (parts(file.read_text("utf-8"))[1] if file.is_file() else {})
    own["plain" if found is None else "timescaledb"] = mine
    sys.stdout.write(whole(shared, own))


if __name__ == "__main__":
    main()
