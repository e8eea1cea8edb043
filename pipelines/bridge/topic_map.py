"""Topic -> station, whose messages all go to one partition of `ev.raw` and so stay in order."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from schemas.topics import is_station

_CACHE: Final = 200_000
_NAMED_STATION: Final = "<station>"


class Route(NamedTuple):
    """What a topic means: what its messages are kept together by (the station, or the topic where no pattern fits), the topic
    itself, the direction."""

    key: bytes
    topic: bytes
    direction: str


class Pattern:
    """A topic filter whose levels may be regular expressions.

    `+` is any level, `#` (last) any rest, `<station>` any level and the station; other levels are regular expressions of
    one level, in which named groups may stand. `station` puts the id together from the groups. ValueError where the
    pattern is no regular expression or does not give the groups that `station` names.
    """

    def __init__(self, pattern: str, station: str = "{station}", direction: str = "from") -> None:
        levels = pattern.split("/")
        if "#" in levels[:-1]:
            raise ValueError(f"topic pattern {pattern!r}: # stands last")
        rest = levels[-1] == "#"
        text = "/".join(_level(level) for level in (levels[:-1] if rest else levels))
        try:
            self._regex = re.compile(text + (r"(?:/.*)?" if rest else ""), re.DOTALL)
            station.format(**dict.fromkeys(self._regex.groupindex, "x"))
        except re.error as error:
            raise ValueError(f"topic pattern {pattern!r}: {error}") from error
        except (KeyError, IndexError) as error:
            raise ValueError(
                f"topic pattern {pattern!r} has no group named {error.args[0]!r}, which the station {station!r} asks for; "
                f"write (?P<station>...) or <station> for the level that holds the station"
            ) from error
        self._station = station
        self.direction = direction

    def station(self, topic: str) -> str | None:
        """The station that `topic` belongs to; None where the pattern does not fit or what it finds is no station id."""
        found = self._regex.fullmatch(topic)
        if found is None:
            return None
        station = self._station.format(**found.groupdict(default=""))
        return station if is_station(station) else None


def _level(level: str) -> str:
    return {"+": "[^/]+", _NAMED_STATION: "(?P<station>[^/]+)"}.get(level, level)


OURS: Final = (Pattern("ev/<station>/from/#", direction="from"), Pattern("ev/<station>/to/#", direction="to"))


class TopicMap:
    """Our own topics first, then `patterns` in order. Routes are remembered: a dictionary look-up a message."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._patterns = (*OURS, *patterns)
        self._routes: dict[str, Route] = {}

    def route(self, topic: str) -> Route:
        """The route of `topic`, whatever it is: a topic that nobody knows is its own key."""
        found = self._routes.get(topic)
        if found is None:
            if len(self._routes) >= _CACHE:
                self._routes.clear()
            found = self._routes[topic] = self._find(topic)
        return found

    def _find(self, topic: str) -> Route:
        wire = topic.encode("utf-8", "surrogatepass")
        for pattern in self._patterns:
            station = pattern.station(topic)
            if station is not None:
                return Route(station.encode(), wire, pattern.direction)
        return Route(wire, wire, "other")
