"""OCPP-J frames, and the exchange of calls and answers that is the same in all versions of OCPP."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from connectors.adapters import clock
from connectors.adapters.canonical_structs import ERRORS, refused_for
from connectors.adapters.lines import Happened, Line, Refusal
from connectors.adapters.ocpp_calls import Calls, Pending
from connectors.adapters.ocpp_names import Said, text
from schemas import telemetry

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
_parts: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_MAX_PORT: Final = 9_999


@dataclass(slots=True, frozen=True)
class Message:
    """A raw message and what an adapter needs to know around it. `by_station`: said by the station, not to it.

    `hashed` turns an RFID or contract id into what may be stored of it.
    """

    station: str
    by_station: bool
    payload: bytes
    received_at: int
    ahead_us: int
    hashed: Callable[[str], str]

    def settled(self, at: int | None) -> int:
        """The instant that the one line of this message gets."""
        return at if at is not None and clock.plausible(at, self.received_at, self.ahead_us) else self.received_at

    def token(self, said: Said) -> str | None:
        """What may be stored of an id; ids are compared without regard to case."""
        cleaned = text(said, 255)
        return None if cleaned is None else self.hashed(cleaned)


class Frame(NamedTuple):
    """A frame: `body` is the payload of a call or result; `name` the action, or code and text of an error."""

    type: int
    id: str
    name: str
    body: bytes


Handler = Callable[[bytes, Message, Calls, Pending], list[Line]]
"""(payload, message, memory, the call) -> lines. For a call it fills what its answer will need into the call; for an answer
it is given the call that is answered. Raises Refusal."""


def exchange(
    message: Message, calls: Calls, actions: Mapping[str, Handler], answers: Mapping[str, Handler]
) -> list[Line]:
    """Read one frame: calls of the station by `actions`, answers to them by `answers`; all else is refused with a reason."""
    frame = read_frame(message.payload)
    if frame.type == CALL:
        pending = Pending(frame.name)
        try:
            if not message.by_station or frame.name not in actions:
                raise Refusal("unsupported", frame.name)
            return actions[frame.name](frame.body, message, calls, pending)
        finally:
            calls.asked(message.station, message.by_station, frame.id, pending)
    asked = calls.answered(message.station, not message.by_station, frame.id)
    if frame.type == CALL_ERROR:
        raise Refusal("call_error", f"{asked.action if asked else 'unknown call'}: {frame.name}")
    if asked is None:
        raise Refusal("unmatched", "no call with this id is known")
    if message.by_station:
        raise Refusal("unsupported", f"{asked.action}.conf")
    if asked.action not in answers:
        raise Refusal("empty", f"{asked.action}.conf")
    return answers[asked.action](frame.body, message, calls, asked)


def read_frame(payload: bytes) -> Frame:
    """The frame in `payload`; Refusal for what is none."""
    try:
        parts = _parts(payload)
        head = [msgspec.json.decode(part) for part in parts[:4] if not part_is_body(part)]
    except ERRORS as error:
        raise Refusal(*refused_for(error)) from error
    kind = head[0] if head else None
    if kind not in (CALL, CALL_RESULT, CALL_ERROR) or isinstance(kind, bool | float):
        if isinstance(kind, int) and kind in (5, 6):
            raise Refusal("unsupported", f"message type {kind}")
        raise Refusal("schema", "not [2, id, action, payload], [3, id, payload] or [4, id, code, text, details]")
    if len(head) < 2 or not isinstance(head[1], str | int) or isinstance(head[1], bool):
        raise Refusal("schema", "the message id is no text")
    message_id = str(head[1])[:255]
    if kind == CALL_ERROR:
        return Frame(kind, message_id, ": ".join(str(part)[:80] for part in head[2:4]), b"")
    return _with_body(kind, message_id, head, parts)


def _with_body(kind: int, message_id: str, head: list[Any], parts: list[msgspec.Raw]) -> Frame:
    place = 3 if kind == CALL else 2
    if kind == CALL and (len(head) != 3 or not isinstance(head[2], str)):
        raise Refusal("schema", "the action is no text")
    if len(parts) != place + 1 or not part_is_body(parts[place]):
        raise Refusal("schema", f"the payload is no object, or the frame has not {place + 1} parts")
    return Frame(kind, message_id, text(head[2]) or "" if kind == CALL else "", bytes(parts[place]))


def part_is_body(part: msgspec.Raw) -> bool:
    """Whether a part of a frame is an object (or, wrongly, an array)."""
    return bytes(part).lstrip()[:1] in (b"{", b"[")


class Body(msgspec.Struct, rename="camel"):
    """The payload of a call or answer, as far as it is read: other keys are ignored."""


B = TypeVar("B", bound=Body)


def decode(kind: type[B], body: bytes, action: str) -> B:
    """`body` as `kind`, numbers may be texts; Refusal naming the action where it does not fit."""
    try:
        decoded: B = _decoder(kind).decode(body)
    except ERRORS as error:
        refused = refused_for(error)
        raise Refusal(refused.reason, f"{action}: {refused.detail}") from error
    return decoded


@cache
def _decoder(kind: type[Body]) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind, strict=False)


def heartbeat(_body: bytes, _message: Message, _calls: Calls, _call: Pending) -> list[Line]:
    """A Heartbeat says in every version that the station is there."""
    return [Happened(0, telemetry.ALIVE, None, {})]


def port_number(number: int | None, *, least: int = 0) -> int:
    """A port number that can be; Refusal `port` else. None is the station."""
    if number is None and least == 0:
        return 0
    if number is None or not least <= number <= _MAX_PORT:
        raise Refusal("port", f"connector or EVSE {number}: {least} to {_MAX_PORT}")
    return number
