"""The query class for PostgreSQL that the SDK lacks, and what Grafana puts in place of the macros in it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

from grafana_foundation_sdk.cog import runtime
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

SOURCE_TYPE: Final = "postgres"
"""The plugin's id up to Grafana 10; newer ones know it as an alias."""
SOURCE_UID: Final = "chargewell"
SOURCE: Final = DataSourceRef(SOURCE_TYPE, SOURCE_UID)

UNFINISHED: Final = "state NOT IN ('resolved', 'verified', 'cancelled')"
"""Condition: the work order is not yet repaired, verified or cancelled."""

Format = Literal["table", "time_series"]

_VARIABLE: Final = re.compile(r"\$\{(\w+):sqlstring\}")
_FILTER: Final = re.compile(r"\$__timeFilter\(([\w.]+)\)")


@dataclass
class Sql(Dataquery):
    """One SQL query of a panel. As `time_series` it gives `time`, optionally the text `metric`, and numbers, by rising time."""

    text: str
    format: Format = "table"
    ref_id: str = "A"
    source: DataSourceRef = field(default_factory=lambda: SOURCE)

    def to_json(self) -> dict[str, object]:
        """As Grafana stores it."""
        return {
            "refId": self.ref_id,
            "datasource": self.source,
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.text,
            "editorMode": "code",
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The query that was stored. ValueError for another format than ours."""
        if data["format"] not in ("table", "time_series") or data.get("rawQuery") is not True:
            raise ValueError(f"query {data.get('refId')!r} is not raw SQL as a table or time series")
        return cls(data["rawSql"], data["format"], data["refId"], DataSourceRef.from_json(data["datasource"]))


def register() -> None:
    """Teach the SDK's reader of dashboards our query class; else it keeps queries as bags of anything."""
    runtime.register_dataquery_variant(runtime.DataqueryConfig(SOURCE_TYPE, Sql.from_json))


def clean(sql: str) -> str:
    """`sql` without the indentation of the code that it stands in."""
    lines = [line.strip() for line in sql.strip().splitlines()]
    return "\n".join(line for line in lines if line)


def expand(
    sql: str, start: datetime, end: datetime, variables: Mapping[str, Sequence[str]], *, points: int = 1_000
) -> str:
    """`sql` with the macros and variables that we use put in place as Grafana does, so that a database can run it.

    `points` is the width of the panel, which decides `$__interval_ms`. ValueError names what was left in place.
    """
    interval = max(60_000, round((end - start).total_seconds() * 1_000 / points))
    done = _FILTER.sub(rf"\1 BETWEEN {_quoted(_iso(start))} AND {_quoted(_iso(end))}", sql)
    done = done.replace("$__timeFrom()", _quoted(_iso(start))).replace("$__timeTo()", _quoted(_iso(end)))
    done = done.replace("$__interval_ms", str(interval))
    done = _VARIABLE.sub(lambda found: ",".join(_quoted(value) for value in variables[found[1]]), done)
    left = re.search(r"\$\{?\w+", done)
    if left is not None:
        raise ValueError(f"nothing is known to put in place of {left[0]!r} in: {sql}")
    return done


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
