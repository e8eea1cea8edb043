"""The command `export`: a public view, any span, to a Parquet file with its schema."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console

from chargewell.extras import need
from chargewell.settings import Settings
from connectors.timescale.public import Choice, public_views

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_BYTES: Final = 33_554_432
"""A row group of the file holds about so much, uncompressed; it is what is held in memory."""


def parse_time(text: str | None) -> datetime | None:
    """A date or time in ISO 8601; without a zone it is UTC. typer.BadParameter says what would do."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: write 2026-03-01 or 2026-03-01T06:00+02:00") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def list_views(settings: Settings, console: Console) -> None:
    """Print what can be exported: each view and what it is about."""
    for view in public_views(settings.database).values():
        console.print(f"[bold]{view.name}[/bold]  {view.comment}")


def export(settings: Settings, view: str, file: Path, choice: Choice) -> int:
    """Write the chosen rows of `view` to `file`, whole or not at all; the number of rows.

    Memory is that of one row group, whatever the span. Rows stand in no particular order. Raises MissingExtraError and
    what `connectors.timescale.arrow.open_view` raises.
    """
    need("export", "pyarrow", "adbc_driver_postgresql")
    import pyarrow.parquet as pq

    from connectors.timescale.arrow import open_view

    if not file.parent.is_dir():
        raise FileNotFoundError(f"the folder {file.parent} is not there: make it, or name another file")
    fresh, rows = file.with_name(file.name + ".part"), 0
    try:
        with (
            open_view(settings.database, view, choice) as stream,
            pq.ParquetWriter(fresh, stream.schema, compression="zstd") as writer,
        ):
            for group in _groups(stream.batches, stream.schema):
                writer.write_table(group, row_group_size=group.num_rows)
                rows += group.num_rows
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    return rows


def _groups(batches: "Iterator[pa.RecordBatch]", schema: "pa.Schema") -> "Iterator[pa.Table]":
    """Small batches gathered to row groups."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.nbytes for one in held) >= GROUP_BYTES:
            yield pa.Table.from_batches(held, schema).combine_chunks()
            held = []
    if held:
        yield pa.Table.from_batches(held, schema).combine_chunks()
