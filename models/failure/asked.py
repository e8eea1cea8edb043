"""What a model, and rankings that know nothing of physics, answer about a fleet, beside what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.failure.chargers import DAY_H, ERRORS, FAMILIES, MARKS, out_of_order
from models.failure.features import Features, Preparation
from models.failure.hazard import HazardModel
from models.failure.occurrences import Recency
from models.failure.teach import Asking, Taught, asking
from models.failure.windows import Floats, Ints

_MONTH_H: Final = 30.44 * DAY_H


@dataclass(frozen=True, slots=True)
class Asked:
    """n questions of all families: port, hour, family, what came within each horizon (`struck` [n, 3], `known` [n, 3]), hours
    until the failure (inf: none), whether the part was worn already, and what rankings say; `months`: port-months that were
    looked at."""

    port: Ints
    at: Ints
    family: Ints
    struck: NDArray[np.bool_]
    known: NDArray[np.bool_]
    ahead_h: Floats
    worn: NDArray[np.bool_]
    answers: dict[str, Floats]
    months: float


def ask(
    taught: Taught, preparation: Preparation, models: Sequence[HazardModel], names: Sequence[str], every_h: int = DAY_H
) -> Asked:
    """Ask the model, and what knows nothing of physics, about every port, family and day of a fleet."""
    parts: dict[str, list[np.ndarray]] = {
        k: [] for k in ("port", "at", "family", "struck", "known", "ahead", "worn", "model", "age", "errors")
    }
    months = 0.0
    for one in asking(taught, names, every_h):
        features = preparation.of(one.history)
        marks = one.history.errors
        recent = Recency(marks.of(MARKS.index("faults"))).count(one.unit, one.at - 7 * DAY_H, one.at)
        recent += Recency(marks.of(ERRORS.index("failed"))).count(one.unit, one.at - 7 * DAY_H, one.at)
        years = np.nan_to_num(one.history.facts[one.unit, 0]) if one.history.fact_names else np.zeros(len(one.at))
        months += len(one.at) * every_h / _MONTH_H
        for model in models:
            _family(one, features, model, recent, years, parts)
    joined = {k: np.concatenate(v) if v else np.empty(0) for k, v in parts.items()}
    answers = {"model": joined["model"], "port age": joined["age"], "errors, 7 days": joined["errors"]}
    return Asked(
        joined["port"].astype(np.int64), joined["at"].astype(np.int64), joined["family"].astype(np.int64),
        joined["struck"].astype(np.bool_), joined["known"].astype(np.bool_), joined["ahead"],
        joined["worn"].astype(np.bool_), answers, months,
    )  # fmt: skip


def _family(
    one: Asking,
    features: Features,
    model: HazardModel,
    recent: Floats,
    years: Floats,
    parts: dict[str, list[np.ndarray]],
) -> None:
    family = FAMILIES.index(model.family)
    rows = np.flatnonzero(~out_of_order(one.unit, one.at, one.ended, family))
    found = one.fates(family)
    struck = np.logical_or.accumulate(np.column_stack([f.struck for f in found])[rows], axis=1)
    known = struck | np.logical_and.accumulate(np.column_stack([f.known for f in found])[rows], axis=1)
    risk = model.risk(features, one.unit[rows], one.at[rows])
    for name, values in (
        ("port", one.unit[rows] + one.first), ("at", one.at[rows]), ("family", np.full(len(rows), family)), ("struck", struck),
        ("known", known), ("ahead", _ahead(one, family)[rows]), ("worn", _worn(one, family)[rows]), ("model", risk.within), ("age", years[rows]), ("errors", recent[rows]),
    ):  # fmt: skip
        parts[name].append(values)


def _ahead(one: Asking, family: int) -> Floats:
    out = np.full(len(one.at), np.inf)
    mine = one.ended.failures.of(family)
    for unit, at in zip(mine.unit.tolist(), mine.at.tolist(), strict=True):
        out = np.where((one.unit == unit) & (at > one.at), np.minimum(out, at - one.at), out)
    return out


def _worn(one: Asking, family: int) -> NDArray[np.bool_]:
    out = np.zeros(len(one.at), np.bool_)
    for unit, kind, begin, end in one.ended.worn.tolist():
        if kind == family:
            out |= (one.unit == unit) & (one.at >= begin) & (one.at < end)
    return out
