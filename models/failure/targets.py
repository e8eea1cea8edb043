"""What came after each question: whether a failure struck within a span, and how much life was left."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.failure.history import Occurrences
from models.failure.windows import Floats, Ints, Timeline


@dataclass(frozen=True, slots=True)
class Fate:
    """For each question [n]: `struck`, a failure lay in the span; `known`, whether that can be told; `at_risk`, no failure
    lay between the question and the start of the span."""

    struck: NDArray[np.bool_]
    known: NDArray[np.bool_]
    at_risk: NDArray[np.bool_]


def fates(unit: Ints, at: Ints, failures: Occurrences, watched_until: Ints, start: int, end: int) -> Fate:
    """Fates in (at + start, at + end], both lengths of time, of the failures of one family.

    `watched_until` [units]: failures after it would not have been seen; a span that reaches beyond is known only if it
    was struck before.
    """
    line = Timeline(failures.unit, failures.at)
    before, opening, close = (line.rows_until(unit, at + ahead) for ahead in (0, start, end))
    struck = close > opening
    return Fate(struck, struck | (at + end <= watched_until[unit]), opening == before)


def life_left(unit: Ints, at: Ints, failed_at: Ints, watched_until: Ints, cap: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Time from each question to the unit's end, at most `cap`, and whether it is known.

    `failed_at` [units] is negative for a unit that had not failed by `watched_until`; of such a unit a question is known
    (and answered `cap`) only if it was watched for `cap` longer.
    """
    ends = np.where(failed_at >= 0, failed_at, watched_until)[unit]
    left = ends - at
    known = np.where((failed_at >= 0)[unit], left >= 0, left >= cap)
    return np.clip(left, 0, cap).astype(np.float64), known
