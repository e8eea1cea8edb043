"""The protocol of generic detectors, which know channels and time but no physics, and their registry.

A detector is a class in `models/anomaly/detectors/` that subclasses `Detector` and is registered by a decorator:

    @register("ewma")
    class Ewma(Detector): ...

Every registered detector is found by `detectors()` without a list, and one contract suite runs over all of them.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

import numpy as np

from models.anomaly.arrays import Bools, Float32, Int64, PortArrays, Slots
from models.columns import rounds

MAX_BYTES: Final = 8_192
"""State that one port may take, all channels together, at up to eight channels."""


@dataclass(slots=True)
class Scores:
    """What a detector says of rows, arrays of their length.

    `score` is how unusual the port's state is (0: not known yet; the larger the more unusual), comparable between ports;
    `alarm` is the detector's own decision about the state, with hysteresis; `event` is a score for something that begins
    with this row, -inf on rows where nothing does: it is told once and not for as long as it lasts.
    """

    score: Float32
    alarm: Bools
    event: Float32


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one channel in a port's newest score, with what was seen and what was expected."""

    channel: int
    share: float
    observed: float
    expected: float


class Detector(ABC):
    """Scores rows of many ports, strictly online: a row is scored before anything is learned of it.

    Rows of a port come in order of time; ports may be mixed in any way and results do not depend on how. NaN is a missing
    value. State is float32, bounded, and lies in `arrays`; there is no randomness but what a seed fixes.
    """

    name: ClassVar[str] = ""

    def __init__(self, channels: int) -> None:
        if channels < 1:
            raise ValueError(f"a detector needs at least one channel, not {channels}")
        self.channels = channels
        self.arrays = PortArrays()
        self.ports = 0

    def update(self, slot: Slots, at: Int64, x: Float32) -> Scores:
        """Score and learn rows: port slots, times in microseconds UTC, values [n, channels]. O(n) plus overhead a round."""
        x = np.ascontiguousarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != self.channels or len(x) != len(slot):
            raise ValueError(f"values of shape {x.shape} do not fit {len(slot)} rows of {self.channels} channels")
        # what is beyond any physical quantity is no measurement, and squares of it must not overflow
        x = np.where(np.abs(x) <= np.float32(1e12), x, np.float32(np.nan))
        if len(slot) and (needed := int(slot.max()) + 1) > self.ports:
            self.ports = needed
            self.arrays.grow(needed)
        n = len(slot)
        out = Scores(np.zeros(n, np.float32), np.zeros(n, np.bool_), np.full(n, -np.inf, np.float32))
        for rows in rounds(slot):
            part = self.step(slot[rows], at[rows], x[rows])
            out.score[rows], out.alarm[rows], out.event[rows] = part.score, part.alarm, part.event
        return out

    @abstractmethod
    def step(self, slot: Slots, at: Int64, x: Float32) -> Scores:
        """As `update`, with each slot at most once."""

    @abstractmethod
    def explain(self, slot: int) -> list[Share]:
        """Why the newest row of `slot` has its score: shares of the channels, adding up to at most 1, largest first."""

    def bytes_per_port(self) -> int:
        """Bytes of state a port."""
        return self.arrays.bytes_per_port()

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data."""
        return {"v": 1, "name": self.name, "ports": self.ports, "arrays": self.arrays.snapshot(self.ports)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError if it is of another detector, version or shape."""
        if state.get("v") != 1 or state.get("name") != self.name:
            raise ValueError(
                f"snapshot of {state.get('name')!r} v{state.get('v')}, this is {self.name!r} v1: start it anew"
            )
        self.arrays.restore(state["arrays"], int(state["ports"]))
        self.ports = int(state["ports"])


Kind = TypeVar("Kind", bound=type[Detector])
_REGISTRY: Final[dict[str, type[Detector]]] = {}
DEFAULT: Final = "records"


def register(name: str) -> Callable[[Kind], Kind]:
    """Enter a detector class under `name`; a name that is taken stops the program."""

    def enter(cls: Kind) -> Kind:
        if name in _REGISTRY:
            raise RuntimeError(
                f"two detectors are named {name!r}: {_REGISTRY[name].__qualname__} and {cls.__qualname__}"
            )
        _REGISTRY[name] = cls
        cls.name = name
        return cls

    return enter


def detectors() -> dict[str, type[Detector]]:
    """All registered detectors by name; imports every module of `models.anomaly.detectors`."""
    package = importlib.import_module("models.anomaly.detectors")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_REGISTRY.items()))
