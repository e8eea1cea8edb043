"""What every request may need: settings, database, clock, rate limits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from psycopg_pool import ConnectionPool

from control.accounts import Person
from control.queries import Connection
from control.settings import ControlSettings


class Limiter:
    """Counts of this process; control is one process, so they are the counts of the deployment."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._rates: dict[str, RateLimitItem] = {}

    def allows(self, rate: str, *who: str) -> bool:
        """Count one more of `who` under `rate` ("10/minute"); whether that is within it."""
        item = self._rates.setdefault(rate, parse(rate))
        return self._window.hit(item, *who)


@dataclass(frozen=True)
class Context:
    """Lives in `app.state.context`."""

    settings: ControlSettings
    pool: ConnectionPool[Connection]
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    limiter: Limiter = field(default_factory=Limiter)


def context(request: Request) -> Context:
    """The context of the application."""
    found: Context = request.app.state.context
    return found


def database(request: Request) -> Iterator[Connection]:
    """A connection for the request, in autocommit."""
    with context(request).pool.connection() as conn:
        yield conn


def person(request: Request) -> Person:
    """Who asks; set by the guard on every endpoint that is not public."""
    found: Person = request.state.person
    return found


def address(request: Request) -> str:
    """Where the request comes from, as far as the proxies in front are trusted."""
    return request.client.host if request.client else "unknown"


Ctx = Annotated[Context, Depends(context)]
Conn = Annotated[Connection, Depends(database)]
Who = Annotated[Person, Depends(person)]
