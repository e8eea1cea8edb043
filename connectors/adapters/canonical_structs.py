"""Fast decoders of the frequent canonical messages; they take and refuse what the models of `schemas.messages` do."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from connectors.adapters import clock
from connectors.adapters.lines import Refused
from schemas.channels import BY_NAME, NAMES
from schemas.messages import MAX_AT_MS, MAX_OTHER, MAX_ROWS, OTHER_PATTERN

NO_TIME: Final = -1
"""`at` where the message says none; not a time that a message can say."""

Number = Annotated[int, msgspec.Meta(ge=0, le=9_999)]
Instant = Annotated[int, msgspec.Meta(ge=0, le=MAX_AT_MS)] | Annotated[datetime, msgspec.Meta(tz=True)]

ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What a decoder of msgspec raises for bytes that it does not take."""

_NAN: Final = float("nan")
_OTHER: Final = re.compile(OTHER_PATTERN.removesuffix("$") + r"\Z")


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    v: Literal[1] = 1


class HeartbeatMessage(_Message, gc=False):
    """`schemas.messages.Heartbeat`."""

    at: Instant | None = NO_TIME


class ConnectionMessage(_Message, kw_only=True, gc=False):
    """`schemas.messages.Connection`."""

    connected: bool


class ReadingsMessage(_Message, kw_only=True):
    """`schemas.messages.Readings`, but for the lengths of its columns and the names under `other`."""

    port: Number | list[Number]
    at: Annotated[list[Instant], msgspec.Meta(min_length=1, max_length=MAX_ROWS)]
    channels: dict[Literal[tuple(NAMES)], list[float | None]] = {}  # type: ignore[valid-type]
    other: Annotated[dict[str, list[float | None]], msgspec.Meta(max_length=MAX_OTHER)] = {}


@cache
def _reading(channels: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    """A decoder of `schemas.messages.Reading` that knows only `channels`; the others it refuses as unknown."""
    head: list[tuple[str, Any, Any]] = [
        ("port", Number, msgspec.NODEFAULT),
        ("v", Literal[1], 1),
        ("at", Instant | None, NO_TIME),
        ("connector", Number | None, None),
        ("other", Annotated[dict[str, float | None], msgspec.Meta(max_length=MAX_OTHER)] | None, None),
    ]
    values = [(name, float | None, _NAN) for name in channels]
    return msgspec.json.Decoder(
        msgspec.defstruct("Reading", [*head, *values], forbid_unknown_fields=True, gc=False, kw_only=True)
    )


class Part(NamedTuple):
    """Readings of a poll that were decoded alike: `messages[i]` is payload `places[i]`, and has the attributes `channels`."""

    channels: tuple[str, ...]
    places: list[int] | range
    messages: list[Any]


class ReadingDecoder:
    """Decodes `reading` payloads. It keeps to the channels that it has met, since each costs a column (30 ns a reading).

    A payload with a channel not met before is decoded a second time, and from then on that channel is known. What is
    accepted does not depend on it.
    """

    def __init__(self) -> None:
        self._channels: tuple[str, ...] = ()

    def decode(self, payloads: Sequence[bytes]) -> tuple[list[Part], list[tuple[int, Refused]]]:
        """The payloads that are readings, in parts, and the places of those that are not with the reason."""
        parts: list[Part] = []
        refused: list[tuple[int, Refused]] = []
        start = 0
        while start < len(payloads):
            start = self._part(payloads, start, parts, refused)
        return parts, refused

    def _part(
        self, payloads: Sequence[bytes], start: int, parts: list[Part], refused: list[tuple[int, Refused]]
    ) -> int:
        """Decode from `start` until a new channel turns up, and say where that is: the next part begins there."""
        channels, decode = self._channels, _reading(self._channels).decode
        messages: list[Any] = []
        bad: list[int] = []
        left = islice(payloads, start, None)
        end = len(payloads)
        while True:
            try:
                messages.extend(map(decode, left))
                break
            except ERRORS:  # what was decoded before the bad one is in the list, `left` stands behind it
                place = start + len(messages) + len(bad)
                answer = self._learn(payloads[place])
                if answer is None:
                    end = place
                    break
                bad.append(place)
                refused.append((place, answer))
        places = sorted(set(range(start, end)).difference(bad)) if bad else range(start, end)
        parts.append(Part(channels, places, messages))
        return end

    def _learn(self, payload: bytes) -> Refused | None:
        """Why `payload` is no reading; None where it is one with new channels, which are known from here on."""
        try:
            message = _reading(NAMES).decode(payload)
        except ERRORS as error:
            return refused_for(error)
        met = {n for n in NAMES if (value := getattr(message, n)) is None or value == value}
        if met <= set(self._channels):
            raise RuntimeError("two decoders of one message disagree")
        self._channels = tuple(n for n in NAMES if n in met or n in self._channels)
        return None


def refused_for(error: Exception) -> Refused:
    """The reason and the words for one of `ERRORS`."""
    if isinstance(error, msgspec.ValidationError):
        return Refused("port" if "`$.port" in str(error) else "schema", str(error))
    return Refused("json", "nested too deeply" if isinstance(error, RecursionError) else str(error))


def micros_of(at: int | datetime | None) -> int | None:
    """Microseconds of a decoded `at`; None where none was said."""
    if at is None or at == NO_TIME:
        return None
    return at * 1_000 if isinstance(at, int) else clock.micros(at)


def is_other(name: str) -> bool:
    """Whether `name` may stand under `other`: snake case, and no canonical channel."""
    return name in _STORABLE or unstorable((name,)) is None


def unstorable(names: Iterable[str]) -> str | None:
    """The first of `names` that may not stand under `other`; None where all may. Those that may are remembered."""
    if _STORABLE.issuperset(names):
        return None
    for name in names:
        if _OTHER.match(name) is None or name in BY_NAME:
            return name
        if len(_STORABLE) >= 10_000:
            _STORABLE.clear()
        _STORABLE.add(name)
    return None


_STORABLE: Final[set[str]] = set()
