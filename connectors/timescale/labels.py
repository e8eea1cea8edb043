"""Labels into the database: what people or a simulator know of faults, for those who learn from it."""

from collections.abc import Iterable
from typing import Any

import psycopg

from connectors.timescale.queries import query
from schemas.labels import Label


def store(conn: psycopg.Connection[Any], labels: Iterable[Label]) -> int:
    """Enter `labels`, all in one transaction; how many were new.

    A label of the same port, start, fault, source and author that stands there already is left as it is.
    """
    with conn.transaction():
        return sum(conn.execute(query("label_store"), _row(label)).rowcount for label in labels)


def _row(label: Label) -> dict[str, Any]:
    return label.model_dump(exclude={"v"}) | {"signs": list(label.signs)}
