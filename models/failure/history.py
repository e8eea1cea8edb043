"""What is known of a set of units, as columns: readings, errors, repairs, facts."""

from dataclasses import dataclass, field

import numpy as np

from models.failure.windows import Floats, Ints


def _no_ints() -> Ints:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Things that happened: n rows of unit, time and kind (from 0), in any order; they are kept sorted by (unit, time)."""

    unit: Ints = field(default_factory=_no_ints)
    at: Ints = field(default_factory=_no_ints)
    kind: Ints = field(default_factory=_no_ints)

    def __post_init__(self) -> None:
        columns = [np.asarray(c, np.int64) for c in (self.unit, self.at, self.kind)]
        if len({len(c) for c in columns}) > 1:
            raise ValueError("occurrences need unit, at and kind of one length")
        order = np.lexsort((columns[1], columns[0]))
        for name, column in zip(("unit", "at", "kind"), columns, strict=True):
            object.__setattr__(self, name, column[order])

    def __len__(self) -> int:
        return len(self.at)

    def of(self, kind: int) -> "Occurrences":
        """Those of one kind."""
        mine = self.kind == kind
        return Occurrences(self.unit[mine], self.at[mine], self.kind[mine])


@dataclass(frozen=True, slots=True)
class History:
    """Columns of `units` units, numbered from 0.

    `unit`, `at` [n] sorted by (unit, at): when each row's values were known. Times are integers of any one unit (hours,
    cycles, microseconds); `step` is the natural length in it for one step of age: a cycle, a day. Windows and ages count
    in steps, so one set of parameters serves them all. `channels` [n, k] and `settings` [n, s] (what the unit was asked to
    do; may be without columns) are NaN where missing. `errors.kind` indexes `error_names`, `repairs.kind`
    indexes `component_names`; a repair makes that component new. `facts` [units, f]: what does not change.
    Raises ValueError for shapes that do not fit or rows out of order.
    """

    units: int
    step: int
    unit: Ints
    at: Ints
    channels: Floats
    channel_names: tuple[str, ...]
    settings: Floats
    setting_names: tuple[str, ...] = ()
    errors: Occurrences = field(default_factory=Occurrences)
    error_names: tuple[str, ...] = ()
    repairs: Occurrences = field(default_factory=Occurrences)
    component_names: tuple[str, ...] = ()
    facts: Floats = field(default_factory=lambda: np.empty((0, 0)))
    fact_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.at)
        for name, array, shape in (
            ("unit", self.unit, (n,)),
            ("channels", self.channels, (n, len(self.channel_names))),
            ("settings", self.settings, (n, len(self.setting_names))),
            ("facts", self.facts, (self.units if self.fact_names else len(self.facts), len(self.fact_names))),
        ):
            if array.shape != shape:
                raise ValueError(f"{name} has shape {array.shape}, but {shape} is needed")
        if self.step <= 0:
            raise ValueError(f"step is {self.step}; it must be a positive length of time")
        if n and (self.unit.min() < 0 or self.unit.max() >= self.units):
            raise ValueError(f"unit numbers must lie in 0..{self.units - 1}")
        for name, marks, kinds in (
            ("errors", self.errors, self.error_names),
            ("repairs", self.repairs, self.component_names),
        ):
            if len(marks) and (marks.kind.min() < 0 or marks.kind.max() >= len(kinds)):
                raise ValueError(f"a kind of {name} has no name; give {marks.kind.max() + 1} names")

    @property
    def signature(self) -> tuple[tuple[str, ...], ...]:
        """The names of all columns: a model serves histories of the signature it was trained on."""
        return (self.channel_names, self.setting_names, self.error_names, self.component_names, self.fact_names)
