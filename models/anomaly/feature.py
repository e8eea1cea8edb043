"""What a feature is: a residual of a port's physics, and the sample it is judged on."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.anomaly.arrays import Bools, Float32
from models.anomaly.situation import Situation

BELOW, BOTH, ABOVE = -1, 0, 1


@dataclass(slots=True)
class Sample:
    """A feature on the ticks `rows`: observed `y`, regressors `phi` [M, len(rows)], `accuracy` in the unit of y.

    `matters` is the least residual worth an alert; `active` tells the two worlds apart in which it is calibrated (usually
    idle and charging); `judged` marks rows on which it is judged (all rows may be learned from).
    """

    rows: np.ndarray
    y: Float32
    phi: Float32
    accuracy: Float32
    active: Bools
    judged: Bools
    matters: Float32

    def take(self, rows: np.ndarray | slice) -> "Sample":
        """The part at `rows`; views where that is a slice."""
        return Sample(
            self.rows[rows], self.y[rows], self.phi[:, rows], self.accuracy[rows], self.active[rows], self.judged[rows],
            self.matters[rows],
        )  # fmt: skip

    def by_spell(self, rank: np.ndarray, spells: int) -> list["Sample"]:
        """The parts by the spell that their ticks lie in: `rank` per tick, 0 to `spells` - 1."""
        if spells == 1:
            return [self]
        spell = rank[self.rows]
        order = np.argsort(spell, kind="stable")
        ordered = self.take(order)
        cuts = np.searchsorted(spell[order], np.arange(spells + 1))
        return [ordered.take(slice(a, b)) for a, b in pairwise(cuts.tolist())]


@dataclass(frozen=True, slots=True)
class Feature:
    """One kind of residual: on which side it is bad, its unit (`scale` turns it into `unit` for people), what it points at.

    What is judged is the least of the last `lasting` ticks that have it; `bounded` expectations never exceed what was seen;
    `share` of the expectation is added to what matters. `firmware`: it hangs on how firmware drives the station, so it is
    learned anew when that changes.
    """

    name: str
    channel: str
    unit: str
    scale: float
    side: int
    size: int
    sample: Callable[[Situation], Sample | None]
    families: tuple[tuple[str, float], ...]
    says: str
    bounded: bool = False
    share: float = 0.0
    lasting: int = 3
    firmware: bool = False


def make_sample(
    keep: Bools, y: np.ndarray, phi: list[np.ndarray], accuracy: np.ndarray | float, matters: np.ndarray | float,
    active: Bools, judged: Bools | None = None,
) -> Sample | None:  # fmt: skip
    """The sample of the ticks where `keep` holds and y is known; None where there are none. Numbers stand for columns."""
    rows = np.flatnonzero(keep & np.isfinite(y))
    if not len(rows):
        return None
    n = len(y)

    def column(x: np.ndarray | float) -> Float32:
        return np.broadcast_to(np.asarray(x, np.float32), n)[rows]

    return Sample(
        rows, y[rows].astype(np.float32), np.stack([column(p) for p in phi]), column(accuracy), active[rows],
        np.ones(len(rows), np.bool_) if judged is None else judged[rows], column(matters),
    )  # fmt: skip
