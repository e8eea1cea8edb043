"""Charging sessions: assembled from events and readings, with their energy, their time and who answers for their end.

`operator.Sessions` is the way in. Events become facts (`facts`), facts sessions (`assemble`), readings samples (`samples`)
and sums (`energy`, `book`); `keeper` holds them together, `judge` says how a session ended, `figures` makes the row.
"""

from models.sessions.operator import Sessions

__all__ = ["Sessions"]
