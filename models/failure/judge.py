"""How good a model is on a fleet it has not seen, beside rankings that know nothing of physics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from models.failure.asked import Asked
from models.failure.chargers import FAMILIES
from models.failure.orders import Orders, level_of, orders
from models.failure.scores import Brier, average_precision, brier, calibration_error
from models.failure.windows import Floats

HORIZONS: Final = ("24h", "7d", "30d")
WEEK: Final = 1
BASELINES: Final = ("base rate", "port age", "errors, 7 days")


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
