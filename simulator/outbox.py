"""What leaves a live station: messages and the state of its link, in order; a queue for what must survive an outage."""

from dataclasses import dataclass, field
from typing import Final

from simulator.fleet import Station
from simulator.speak import SPEAKERS, Message
from simulator.speak.message import connection

_MOST_QUEUED: Final = 5_000
"""Messages that a station keeps while it is offline; the oldest are lost first, as in real ones."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message as it goes out at `at_us` (the simulation's time). `answer`: what is then said to the station, and where."""

    at_us: int
    station: str
    topic: str
    payload: bytes
    describes: tuple[tuple[str, int], ...] = ()
    lines: int = 1
    answer: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """The connection of a station breaks without a word, or comes back."""

    at_us: int
    station: str
    up: bool


Out = Said | Link


@dataclass
class Mouth:
    """One station's voice: speaks while the link is up, queues what belongs to transactions while it is down."""

    station: Station
    out: list[Out]
    up: bool = True
    queue: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.speak = SPEAKERS[self.station.protocol](self.station)

    def say(self, at_us: int, messages: list[Message]) -> None:
        """Say `messages` now, or keep them for later, or lose them."""
        for message in messages:
            if self.up:
                self.out.append(self._said(at_us, message))
            elif message.keep:
                self.queue.append(message)
        del self.queue[:-_MOST_QUEUED]

    def break_off(self, at_us: int) -> None:
        """The link breaks; the broker will tell with the last will."""
        if self.up:
            self.up = False
            self.out.append(Link(at_us, self.station.station, False))

    def come_back(self, at_us: int, first: list[Message]) -> None:
        """The link is back: say so, then `first` (what is true now), then what was queued."""
        if self.up:
            return
        self.up = True
        self.out.append(Link(at_us, self.station.station, True))
        late, self.queue = self.queue, []
        self.say(at_us, [connection(True), *first, *late])

    def forget(self) -> None:
        """What was queued is lost (hard reset)."""
        self.queue.clear()

    def _said(self, at_us: int, message: Message) -> Said:
        name = self.station.station
        answer = None if message.answer is None else (f"ev/{name}/to/{message.kind}", message.answer)
        topic = f"ev/{name}/from/{message.kind}"
        return Said(at_us, name, topic, message.payload, message.describes, message.lines, answer)
