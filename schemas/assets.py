"""Assets: sites, stations, ports, connectors and tariffs as the registry has them, and what operators know of a port.

Rows are dated: `valid_from` (included) to `valid_to` (not included; none = still so). A station that moves, a port that is
rated anew, a tariff that changes get a further row; the rows of one thing do not overlap. Identity is
station / port / connector; site, model, firmware and rating are attributes that change.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from schemas.topics import STATION_PATTERN

SINCE_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Kind = Literal["ac", "dc"]

_TIME_OF_DAY: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d|24:00")


def _as_datetime(value: Any) -> Any:
    """A plain date stands for its midnight UTC."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        value = date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; give an IANA name such as Europe/Berlin") from error
    return name


def _well_formed(opening: dict[str, list[tuple[str, str]]]) -> dict[str, list[tuple[str, str]]]:
    for day, spans in opening.items():
        if day not in DAYS:
            raise ValueError(f"{day!r} is no day; use {', '.join(DAYS)}")
        for start, end in spans:
            if not (_TIME_OF_DAY.fullmatch(start) and _TIME_OF_DAY.fullmatch(end) and start < end):
                raise ValueError(f"{day} {start}-{end}: give HH:MM to a later HH:MM (24:00 = end of day)")
    return opening


Moment = Annotated[AwareDatetime, BeforeValidator(_as_datetime)]
TimeZone = Annotated[str, AfterValidator(_known_zone)]
StationId = Annotated[str, Field(pattern=rf"^{STATION_PATTERN}$")]
Opening = Annotated[dict[str, list[tuple[str, str]]], AfterValidator(_well_formed)]
"""Local opening hours by day, e.g. {"mon": [("06:00", "22:00")]}; a day that lacks is closed."""
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Price = Annotated[Decimal, Field(ge=0)]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Dated(_Row):
    valid_from: Moment = SINCE_EVER
    valid_to: Moment | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError(
                f"valid_to {self.valid_to:%F} is not after valid_from {self.valid_from:%F}; swap or correct them"
            )
        return self


class Site(_Dated):
    """A place with stations. `opening` none = always open; `grid_limit_w` in W."""

    site: Text
    name: Text | Literal[""] = ""
    time_zone: TimeZone
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    owner: Text | None = None
    opening: Opening | None = None
    grid_limit_w: Annotated[float | None, Field(gt=0)] = None

    @property
    def key(self) -> str:
        """What the dated rows of one thing share."""
        return self.site


class Station(_Dated):
    """A charging station at a site. `heartbeat_s`: how often it says at least something."""

    station: StationId
    site: str
    model: Text | None = None
    firmware: Text | None = None
    serial: Text | None = None
    protocol: Text | None = None
    heartbeat_s: Annotated[float | None, Field(gt=0)] = None
    commissioned_at: Moment | None = None
    retired_at: Moment | None = None

    @property
    def key(self) -> str:
        """What the dated rows of one thing share."""
        return self.station


class Port(_Dated):
    """A port of a station: charges one vehicle at a time. `rated_w` in W; `phases` of AC."""

    station: StationId
    number: Annotated[int, Field(ge=1)]
    kind: Kind
    rated_w: Annotated[float, Field(gt=0)]
    phases: Annotated[int | None, Field(ge=1, le=3)] = None

    @property
    def port(self) -> str:
        """The port id, `<station>/<number>`."""
        return f"{self.station}/{self.number}"

    @property
    def key(self) -> str:
        """What the dated rows of one thing share."""
        return self.port


class Connector(_Row):
    """A plug of a port: its number there and its standard, e.g. IEC_62196_T2_COMBO (OCPI names)."""

    station: StationId
    number: Annotated[int, Field(ge=1)]
    connector: Annotated[int, Field(ge=1)]
    standard: Text

    @property
    def port(self) -> str:
        """The id of its port."""
        return f"{self.station}/{self.number}"


class Tariff(_Dated):
    """Unit prices in major units of `currency` (ISO 4217), tax apart; for a port, a site, or (neither) the network."""

    tariff: Text
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    per_kwh: Price = Decimal(0)
    per_session: Price = Decimal(0)
    per_minute: Price = Decimal(0)
    idle_per_minute: Price = Decimal(0)
    tax_percent: Price = Decimal(0)
    site: str | None = None
    port: str | None = None

    @property
    def key(self) -> str:
        """What the dated rows of one thing share."""
        return self.tariff


Row = Site | Station | Port | Connector | Tariff
KINDS: Final[dict[str, type[Row]]] = {
    "site": Site, "station": Station, "port": Port, "connector": Connector, "tariff": Tariff,
}  # fmt: skip
"""Kind of a row, as tables of TOML and files of CSV name it."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All rows by kind. `where` says of (kind, index) where the row came from, for messages; it takes no part in equality."""

    site: tuple[Site, ...] = ()
    station: tuple[Station, ...] = ()
    port: tuple[Port, ...] = ()
    connector: tuple[Connector, ...] = ()
    tariff: tuple[Tariff, ...] = ()
    where: dict[tuple[str, int], str] = field(default_factory=dict, compare=False, repr=False)

    def rows(self, kind: str) -> tuple[Row, ...]:
        """The rows of a kind of `KINDS`."""
        found: tuple[Row, ...] = getattr(self, kind)
        return found

    def place(self, kind: str, index: int) -> str:
        """Where that row came from, in words."""
        return self.where.get((kind, index), f"{kind} row {index + 1}")


@dataclass(frozen=True, slots=True)
class PortFacts:
    """What an operator is told of a port. The defaults are what is known of a port that nobody registered.

    `rated_w` in W, `heartbeat_s` in s; `commissioned_at` and `retired_at` in microseconds since 1970 UTC. `kind` and `phases`
    are None where unknown, and for number 0, the station itself. `opening`: local hours (see `Opening`), None = always.
    """

    site: str | None = None
    time_zone: str = "UTC"
    opening: dict[str, list[tuple[str, str]]] | None = None
    kind: Kind | None = None
    rated_w: float | None = None
    phases: int | None = None
    heartbeat_s: float | None = None
    commissioned_at: int | None = None
    retired_at: int | None = None
    model: str | None = None
    firmware: str | None = None
    discovered: bool = True
