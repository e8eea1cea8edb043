"""The canonical messages that come one by one: events, heartbeats, connections."""

from typing import Final

import msgspec
from pydantic import ValidationError

from connectors.adapters import clock
from connectors.adapters.canonical_structs import ERRORS, ConnectionMessage, HeartbeatMessage, micros_of, refused_for
from connectors.adapters.lines import Happened, Line, Refusal
from schemas import telemetry
from schemas.events import plain
from schemas.messages import EVENT, instant

_heartbeat: Final = msgspec.json.Decoder(HeartbeatMessage).decode
_connection: Final = msgspec.json.Decoder(ConnectionMessage).decode


def heartbeat(payload: bytes) -> list[Line]:
    """A `heartbeat` message; Refusal where it is none."""
    try:
        message = _heartbeat(payload)
    except ERRORS as error:
        raise Refusal(*refused_for(error)) from error
    return [Happened(0, telemetry.ALIVE, micros_of(message.at), {})]


def connection(payload: bytes) -> list[Line]:
    """A `connection` message; Refusal where it is none. Its time is the receive time: a last will is written beforehand."""
    try:
        message = _connection(payload)
    except ERRORS as error:
        raise Refusal(*refused_for(error)) from error
    return [Happened(0, telemetry.CONNECTION, None, {"connected": message.connected})]


def event(payload: bytes) -> list[Line]:
    """An `event` message, whatever its kind; Refusal where it is none. Tokens are still as they were said."""
    try:
        message = EVENT.validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        path = ".".join(str(step) for step in first["loc"])
        reason = {"json_invalid": "json", "json_type": "json"}.get(first["type"], "schema")
        raise Refusal("port" if first["loc"][1:] == ("port",) else reason, f"{path}: {first['msg']}") from error
    return [Happened(message.port, message.kind, event_time(message.at), plain(message.data))]


def event_time(at: int | str | None) -> int | None:
    """Microseconds of `schemas.messages.Instant`."""
    if at is None:
        return None
    return at * 1_000 if isinstance(at, int) else clock.micros(instant(at))
