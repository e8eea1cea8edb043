"""The canonical MQTT messages: what a charger, or a gateway for it, sends to `ev/<station>/from/<kind>` and is sent.

These models are the contract and the source of the JSON Schemas under `schemas/json`; ``python -m schemas.messages``
writes those anew. `connectors.adapters.canonical` reads the frequent messages with a faster decoder; a property test
holds that both accept and refuse the same bytes.
"""

import json
from datetime import datetime
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    create_model,
    model_validator,
)

from schemas import telemetry
from schemas.channels import BY_NAME, CHANNELS
from schemas.events import DATA, Data, Name, Number

VERSION: Final = 1
MAX_AT_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999."""
MAX_ROWS: Final = 10_000
MAX_OTHER: Final = 64

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

OTHER_PATTERN: Final = r"^[a-z][a-z0-9_]{0,47}$"

_ZONED = Annotated[datetime, msgspec.Meta(tz=True)]


def instant(text: str) -> datetime:
    """An RFC 3339 instant with its zone; ValueError where `text` is none."""
    try:
        return msgspec.convert(text, _ZONED)
    except msgspec.ValidationError as error:
        raise ValueError(f"{text[:40]!r} is no RFC 3339 time with a zone, e.g. 2025-03-01T12:00:00.5Z") from error


def _is_instant(text: str) -> str:
    instant(text)
    return text


def _is_other(name: str) -> str:
    if name in BY_NAME:
        raise ValueError(f"{name} is a canonical channel: put it beside other, not into it")
    return name


Millis = Annotated[int, Field(ge=0, le=MAX_AT_MS, description="milliseconds since 1970-01-01T00:00:00Z")]
Rfc3339 = Annotated[str, AfterValidator(_is_instant), Field(json_schema_extra={"format": "date-time"})]
Instant = Annotated[Millis | Rfc3339, Field(description="when; left out or null: when it is received")]
OtherName = Annotated[str, StringConstraints(pattern=OTHER_PATTERN), AfterValidator(_is_other)]


def _literal(*values: str) -> Any:
    return Literal[values]


ChannelName: Any = _literal(*BY_NAME)


class Message(BaseModel):
    """What all messages share: types are exact, keys beyond those described are refused, null is the same as left out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    v: Annotated[int, Field(ge=VERSION, le=VERSION, description="version of the message")] = VERSION


class _ReadingHead(Message):
    port: Number
    at: Instant | None = None
    connector: Annotated[Number | None, Field(description="taken note of, not stored")] = None
    other: Annotated[
        dict[OtherName, float | None] | None,
        Field(
            max_length=MAX_OTHER, description="values outside the canonical channels, in SI units or those documented"
        ),
    ] = None


Reading = create_model(
    "Reading",
    __base__=_ReadingHead,
    __doc__="`from/reading`: one port at one instant with its channels; at least one value must be there.",
    **{c.name: (float | None, Field(default=None, description=f"{c.unit}, {c.low:g} to {c.high:g}")) for c in CHANNELS},
)  # type: ignore[call-overload]


class Readings(Message):
    """`from/readings`: many readings of one station as columns; row i of every list is one reading. For buffered data."""

    port: Annotated[Number | list[Number], Field(description="one port for all rows, or one a row")]
    at: Annotated[list[Instant], Field(min_length=1, max_length=MAX_ROWS)]
    channels: dict[ChannelName, list[float | None]] = {}
    other: Annotated[dict[OtherName, list[float | None]], Field(max_length=MAX_OTHER)] = {}

    @model_validator(mode="after")
    def _as_long(self) -> Self:
        columns: dict[str, list[Any]] = {**self.channels, **self.other}
        if isinstance(self.port, list):
            columns["port"] = self.port
        for name, column in columns.items():
            if len(column) != len(self.at):
                raise ValueError(f"{name} has {len(column)} rows, at has {len(self.at)}")
        return self


class Heartbeat(Message):
    """`from/heartbeat`: a sign of life and nothing more."""

    at: Instant | None = None


class Connection(Message):
    """`from/connection`: the station's own link; meant for the last will of its MQTT connection."""

    connected: bool


class _EventHead(Message):
    port: Annotated[Number, Field(description="0: the station itself")] = 0
    at: Instant | None = None


def _event(kind: str, data: type[Data]) -> type[_EventHead]:
    needed = any(field.is_required() for field in data.model_fields.values())
    return create_model(
        f"{kind.title().replace('_', '')}Event",
        __base__=_EventHead,
        __doc__=f"`from/event` of kind `{kind}`.",
        kind=(_literal(kind), ...),
        data=(data, ... if needed else Field(default_factory=data)),
    )


EVENTS: Final[dict[str, type[_EventHead]]] = {kind: _event(kind, data) for kind, data in DATA.items()}
_ANY_EVENT: Any = Annotated[reduce(or_, EVENTS.values()), Field(discriminator="kind")]
EVENT: Final[TypeAdapter[Any]] = TypeAdapter(_ANY_EVENT)
"""`from/event`: something that happened, `data` by `kind`; fields `port`, `at`, `kind`, `data`."""


class Command(Message):
    """`to/command`: something to do, until `expires_at` (milliseconds) and not later; answered by an event command_result."""

    id: Name
    name: Literal["soft_reset", "hard_reset", "trigger_status", "unlock", "derate", "available", "unavailable"]
    port: Number
    params: dict[str, Any] = {}
    expires_at: Millis


MODELS: Final[dict[str, TypeAdapter[Any]]] = {
    "reading": TypeAdapter(Reading),
    "readings": TypeAdapter(Readings),
    "event": EVENT,
    "heartbeat": TypeAdapter(Heartbeat),
    "connection": TypeAdapter(Connection),
    "command": TypeAdapter(Command),
}
"""Last level of the topic -> what validates its payload."""


def schemas() -> dict[str, str]:
    """File name -> JSON Schema, for every message and for the packed record of `ev.telemetry`."""
    made = {f"{name}.v{VERSION}.json": _closed(adapter.json_schema()) for name, adapter in MODELS.items()}
    made[f"packed.v{telemetry.VERSION}.json"] = msgspec.json.schema(telemetry.Packed)
    return {name: json.dumps({"$schema": _DRAFT} | schema, indent=2) + "\n" for name, schema in made.items()}


def _closed(schema: Any) -> Any:
    """`schema` with names beyond a pattern refused, as the models do; pydantic leaves that out."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(part) for key, part in schema.items()}
    return closed | {"additionalProperties": False} if "patternProperties" in schema else closed


def write(folder: Path) -> None:
    """Write the schemas into `folder`; those of earlier versions stay."""
    folder.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(__file__).parent / "json")
