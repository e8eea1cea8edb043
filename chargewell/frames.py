"""For notebooks: the public views as data frames, read under the read-only role.

    from chargewell.frames import frame, views
    frame("reading", ports=["DE-B-002/1"], start="2026-03-01", end="2026-03-02")

Settings come as for the command line (chargewell.toml, CHARGEWELL_...). Needs the extra `notebooks` (or `export` and polars).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chargewell.extras import need
from chargewell.settings import Settings, load
from connectors.timescale.public import Choice, PublicViewError, public_views, view_of

if TYPE_CHECKING:
    import polars as pl

Time = datetime | str


def views(settings: Settings | None = None) -> dict[str, str]:
    """The public views and what each is about."""
    return {view.name: view.comment for view in public_views((settings or load()).database).values()}


def columns(view: str, settings: Settings | None = None) -> dict[str, str]:
    """The columns of a view with PostgreSQL's types; PublicViewError if there is no such view."""
    return dict(view_of((settings or load()).database, view).columns)


def frame(
    view: str, *, ports: Sequence[str] | str = (), start: Time | None = None, end: Time | None = None,
    columns: Sequence[str] = (), settings: Settings | None = None,
) -> "pl.DataFrame":  # fmt: skip
    """The chosen rows of a public view, sorted by port and time where it has them; `.to_pandas()` gives pandas' kind.

    The span is [start, end); a time without a zone is UTC. All of it comes into memory: for more use `chargewell export`.
    PublicViewError says what the view cannot give, MissingExtraError what is not installed.
    """
    need("notebooks", "polars", "pyarrow", "adbc_driver_postgresql")
    import polars as pl

    from connectors.timescale.arrow import open_view

    wanted = [ports] if isinstance(ports, str) else list(ports)
    choice = Choice(columns, wanted, _time("start", start), _time("end", end))
    with open_view((settings or load()).database, view, choice) as stream:
        found = pl.from_arrow(stream.table())
        by = [name for name in ("port", stream.view.time) if name in stream.schema.names]
    assert isinstance(found, pl.DataFrame)  # noqa: S101 - a table becomes a frame
    return found.sort(by) if by else found


def _time(name: str, at: Time | None) -> datetime | None:
    if isinstance(at, str):
        try:
            at = datetime.fromisoformat(at)
        except ValueError:
            raise PublicViewError(f"{name} {at!r} is no time: write 2026-03-01 or 2026-03-01T06:00+02:00") from None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
