"""What comes of ordering a repair from a level on: orders, false ones, failures found, lead; and where the level lies."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.failure.asked import Asked
from models.failure.chargers import DAY_H
from models.failure.windows import Floats

FALSE_ORDERS: Final = 1.0
"""False orders per 100 port-months at which lead times are told, and to which the level is set."""
_APART_H: Final = 14 * DAY_H
"""One order a port and family within this time; what comes later is another one."""
_WITHIN_H: Final = 14 * DAY_H
"""A failure within this time makes an order right."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What a ranking would have ordered at a level: the level, orders, false ones, failures found of all, median lead in hours."""

    level: float
    orders: int
    false: int
    found: int
    failures: int
    lead_h: float


def orders(asked: Asked, score: Floats, level: float) -> Orders:
    """The orders that come of ranking `score` at `level`: one where it is reached, the next after two weeks at the earliest.

    Right if the family strikes the port within two weeks, or the part is worn already and a crew would find it. Questions whose two weeks were not watched to their end are left out
    (`watched`), of orders, failures and months alike.
    """
    rows = np.flatnonzero((score >= level) & watched(asked))
    order = rows[np.lexsort((asked.at[rows], asked.family[rows], asked.port[rows]))]
    last, raised = (-1, -1, -_APART_H), []
    for row in order.tolist():
        here = (int(asked.port[row]), int(asked.family[row]), int(asked.at[row]))
        if here[:2] != last[:2] or here[2] - last[2] >= _APART_H:
            raised.append(row)
            last = here
    ahead = asked.ahead_h[np.array(raised, np.int64)]
    strikes: dict[tuple[int, int, float], float] = {}
    for row, hours in zip(raised, ahead, strict=True):
        if hours <= _WITHIN_H:
            key = (int(asked.port[row]), int(asked.family[row]), float(asked.at[row] + hours))
            strikes[key] = max(strikes.get(key, 0.0), float(hours))
    false = int(((ahead > _WITHIN_H) & ~asked.worn[np.array(raised, np.int64)]).sum())
    lead = float(np.median(list(strikes.values()))) if strikes else float("nan")
    return Orders(level, len(raised), false, len(strikes), _failures(asked), lead)


def watched(asked: Asked) -> NDArray[np.bool_]:
    """Which questions were watched for the two weeks that an order is given."""
    return np.asarray(asked.at + _WITHIN_H <= asked.at.max(initial=0))


def _failures(asked: Asked) -> int:
    rows = np.flatnonzero((asked.ahead_h <= _WITHIN_H) & watched(asked))
    when = asked.at[rows] + asked.ahead_h[rows]
    return len(np.unique(np.column_stack([asked.port[rows], asked.family[rows], when]), axis=0))


def level_of(asked: Asked, score: Floats, false_orders: float = FALSE_ORDERS) -> float:
    """The least level at which there are at most `false_orders` false orders in 100 port-months (infinity: there is none)."""
    allowed = false_orders * asked.months * float(watched(asked).mean() if len(asked.at) else 0.0) / 100.0
    levels = np.unique(np.quantile(score, 1.0 - np.geomspace(1e-5, 0.5, 60))) if len(score) else np.empty(0)
    good = float("inf")
    for level in levels[::-1]:
        if orders(asked, score, float(level)).false > allowed:
            break
        good = float(level)
    return good
