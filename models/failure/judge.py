"""How good a model is on a fleet it has not seen, beside rankings that know nothing of physics; and where its level lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.failure.chargers import DAY_H, ERRORS, FAMILIES, MARKS, out_of_order
from models.failure.features import Features, Preparation
from models.failure.hazard import HazardModel
from models.failure.occurrences import Recency
from models.failure.scores import Brier, average_precision, brier, calibration_error
from models.failure.teach import Asking, Taught, asking
from models.failure.windows import Floats, Ints

HORIZONS: Final = ("24h", "7d", "30d")
WEEK: Final = 1
BASELINES: Final = ("base rate", "port age", "errors, 7 days")
FALSE_ORDERS: Final = 1.0
"""False orders per 100 port-months at which lead times are told, and to which the level is set."""
_MONTH_H: Final = 30.44 * DAY_H
_APART_H: Final = 14 * DAY_H
"""One order a port and family within this time; what comes later is another one."""
_WITHIN_H: Final = 14 * DAY_H
"""A failure within this time makes an order right."""


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


@dataclass(frozen=True, slots=True)
class Orders:
    """What a ranking would have ordered at a level: the level, orders, false ones, failures found of all, median lead in hours."""

    level: float
    orders: int
    false: int
    found: int
    failures: int
    lead_h: float


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


@dataclass(frozen=True, slots=True)
class Judged:
    """The figures of one ranking: PR-AUC by horizon (mean over families that struck), and for probabilities the Brier score
    and calibration error within 7 days; orders at one false order in 100 port-months."""

    name: str
    pr_auc: tuple[float, float, float]
    brier: Brier
    calibration: float
    orders: Orders


def judge(asked: Asked, learned: Asked) -> list[Judged]:
    """The model and the baselines on the questions `asked`; what baselines need to become probabilities comes of `learned`."""
    rate = float(learned.struck[learned.known[:, WEEK], WEEK].mean()) if learned.known[:, WEEK].any() else 0.0
    made = [_judged(asked, "model", asked.answers["model"], asked.answers["model"][:, WEEK])]
    constant = np.full(len(asked.at), rate)
    made.append(_judged(asked, BASELINES[0], np.tile(constant[:, None], (1, 3)), constant))
    for name in BASELINES[1:]:
        score = asked.answers[name]
        made.append(_judged(asked, name, np.tile(score[:, None], (1, 3)), _probability(learned, name, score, rate)))
    return made


def _probability(learned: Asked, name: str, score: Floats, rate: float) -> Floats:
    rows = learned.known[:, WEEK]
    struck = learned.struck[rows, WEEK]
    if struck.all() or not struck.any():
        return np.full(len(score), rate)
    fitted = LogisticRegression().fit(learned.answers[name][rows, None], struck)
    return np.asarray(fitted.predict_proba(score[:, None])[:, 1], np.float64)


def _judged(asked: Asked, name: str, score: Floats, probability: Floats) -> Judged:
    rows = np.flatnonzero(asked.known[:, WEEK])
    struck = asked.struck[rows, WEEK]
    level = level_of(asked, score[:, WEEK])
    return Judged(
        name,
        (_pr_auc(asked, score, 0), _pr_auc(asked, score, 1), _pr_auc(asked, score, 2)),
        brier(struck, probability[rows]),
        calibration_error(struck, probability[rows]),
        orders(asked, score[:, WEEK], level),
    )


def _pr_auc(asked: Asked, score: Floats, horizon: int) -> float:
    parts = list(by_family(asked, score, horizon).values())
    return float(np.mean(parts)) if parts else float("nan")


def by_family(asked: Asked, score: Floats, horizon: int = WEEK) -> Mapping[str, float]:
    """PR-AUC of each family that struck within a horizon (a number of HORIZONS)."""
    found = {}
    for family, name in enumerate(FAMILIES):
        rows = np.flatnonzero((asked.family == family) & asked.known[:, horizon])
        if asked.struck[rows, horizon].any():
            found[name] = average_precision(asked.struck[rows, horizon], score[rows, horizon])
    return found


def beats(judged: Sequence[Judged]) -> list[str]:
    """Why the model (first) is not better than the baselines (the others), in words; empty if it is."""
    model, *others = judged
    why = []
    for other in others:
        if not model.pr_auc[WEEK] > other.pr_auc[WEEK]:
            why.append(f"PR-AUC within 7 days {model.pr_auc[WEEK]:.3f}, {other.name} {other.pr_auc[WEEK]:.3f}")
        if not model.brier.score < other.brier.score:
            why.append(f"Brier score {model.brier.score:.5f}, {other.name} {other.brier.score:.5f}")
    return why


def figures(judged: Judged, families: Mapping[str, float]) -> dict[str, float]:
    """The figures of the model by name, as they rest beside it."""
    named = {f"pr_auc.{h}": v for h, v in zip(HORIZONS, judged.pr_auc, strict=True)}
    parts = ("score", "reliability", "resolution", "uncertainty", "skill")
    named |= {f"brier.{part}": float(getattr(judged.brier, part)) for part in parts}
    named |= {f"pr_auc.7d.{family}": value for family, value in families.items()}
    share = judged.orders.found / max(judged.orders.failures, 1)
    return named | {"calibration": judged.calibration, "lead_h": judged.orders.lead_h, "found": share}
