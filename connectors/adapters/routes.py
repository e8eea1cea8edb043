"""From an MQTT topic to the adapter that reads it and the station that it belongs to.

Ours are `ev/<station>/from/<kind>` and `ev/<station>/to/<kind>`. Other trees are bound by patterns such as
``meters/{station}/live``: one level is the station, `+` and `#` stand for what they do in MQTT.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from models.columns import distinct
from schemas.topics import FROM_KINDS, TO_KINDS, is_station

Kind = Literal["reading", "readings", "event", "heartbeat", "connection", "ocpp16", "ocpp201"]

_CACHED: Final = 200_000


class Route(NamedTuple):
    """Where a message goes. `adapter` is "" where it is rejected for `reason`; `key` is the station, else the topic."""

    key: str
    topic: str
    adapter: str
    said_by_station: bool
    reason: str = ""
    detail: str = ""


class TopicBinding(BaseModel):
    """Topics beyond our own whose messages an adapter reads as if they came from `ev/<station>/from/<adapter>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: Annotated[
        str, Field(max_length=500, description="topic with one level {station}, e.g. meters/{station}/live")
    ]
    adapter: Annotated[Kind, Field(description="what the payload is")]

    @field_validator("pattern")
    @classmethod
    def _one_station(cls, pattern: str) -> str:
        levels = pattern.split("/")
        if levels.count("{station}") != 1 or any(c in level for level in levels for c in "{}" if level != "{station}"):
            raise ValueError(f"{pattern!r} needs exactly one level {{station}}, e.g. meters/{{station}}/live")
        if "#" in levels[:-1] or any("+#"[k] in level and len(level) > 1 for level in levels for k in (0, 1)):
            raise ValueError(f"{pattern!r}: + and # stand for whole levels, # only for the last")
        return pattern

    def regex(self) -> re.Pattern[str]:
        """Matches the topics of this binding; group `station` is the station."""
        parts = {"{station}": "(?P<station>[^/]+)", "+": "[^/]*"}
        levels = self.pattern.split("/")
        rest = levels[:-1] if levels[-1] == "#" else levels
        text = "/".join(parts.get(level) or re.escape(level) for level in rest)
        return re.compile(rf"{text}(?:/.*)?" if len(rest) < len(levels) else text, re.DOTALL)


class Routes:
    """Finds routes and remembers them."""

    def __init__(self, bindings: Iterable[TopicBinding] = ()) -> None:
        self._bindings = [(b.regex(), b.adapter) for b in bindings]
        self._number: dict[bytes, int] = {}
        self._routes: list[Route] = []

    def of(self, topics: Sequence[bytes]) -> tuple[list[Route], NDArray[np.intp]]:
        """The routes of `topics`, which may be any bytes: each distinct topic's once, and the place of each topic's among them."""
        try:
            number = self._numbers(topics)
        except KeyError:
            self._meet(topics)
            number = self._numbers(topics)
        met, place = distinct(number, len(self._routes))
        return [self._routes[i] for i in met.tolist()], place

    def _numbers(self, topics: Sequence[bytes]) -> NDArray[np.int32]:
        return np.fromiter(map(self._number.__getitem__, topics), np.int32, len(topics))

    def _meet(self, topics: Sequence[bytes]) -> None:
        if len(self._routes) >= _CACHED:
            self._number.clear()
            self._routes.clear()
        for topic in topics:
            if topic not in self._number:
                self._number[topic] = len(self._routes)
                self._routes.append(self._find(topic.decode("utf-8", "replace").replace("\x00", "�")))

    def _find(self, topic: str) -> Route:
        levels = topic.split("/")
        if len(levels) == 4 and levels[0] == "ev" and levels[2] in ("from", "to"):
            return _ours(topic, levels[1], levels[2], levels[3])
        for regex, adapter in self._bindings:
            if match := regex.fullmatch(topic):
                return _checked(topic, match["station"], adapter, True)
        return Route(topic, topic, "", False, "topic", "no pattern matches; bind it to an adapter")


def _ours(topic: str, station: str, way: str, kind: str) -> Route:
    if kind not in (FROM_KINDS if way == "from" else TO_KINDS):
        return Route(station if is_station(station) else topic, topic, "", way == "from", "topic", f"{way}/{kind}")
    if kind == "command":
        return Route(station if is_station(station) else topic, topic, "", False, "unsupported", "to/command")
    return _checked(topic, station, kind, way == "from")


def _checked(topic: str, station: str, adapter: str, said_by_station: bool) -> Route:
    if not is_station(station):
        return Route(topic, topic, "", said_by_station, "station", "letters, digits and ._:@-, at most 64")
    return Route(station, topic, adapter, said_by_station)
