"""River's online models beside the trained one: they learn from each label as it becomes known, hour after hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from river import linear_model, optim, preprocessing, tree

from models.failure.chargers import DAY_H
from models.failure.features import Asked, Preparation
from models.failure.hazard import HazardModel
from models.failure.scores import average_precision, brier
from models.failure.teach import Taught, asking

_WEEK_H: Final = 7 * DAY_H
_ENDINGS: Final = (".mean.1", ".change.5", ".slope.15", ".count.5")


@dataclass(frozen=True, slots=True)
class Compared:
    """PR-AUC and Brier score of a failure of any family within 7 days, over the second half of a fleet's time."""

    name: str
    pr_auc: float
    brier: float


def compare(
    taught: Taught, preparation: Preparation, models: Sequence[HazardModel], names: Sequence[str]
) -> list[Compared]:
    """The trained model (which learned elsewhere) and online models that learn from this fleet itself, label by label.

    A question becomes a lesson a week after it was asked. The online models see the same hours, in about 70 of the features.
    """
    rows, times, struck, batch = _questions(taught, preparation, models, names)
    online: dict[str, Any] = {
        "River, logistic regression": preprocessing.StandardScaler()
        | linear_model.LogisticRegression(optimizer=optim.SGD(0.01), l2=1e-4),
        "River, Hoeffding adaptive tree": tree.HoeffdingAdaptiveTreeClassifier(seed=1, grace_period=300),
    }
    late = times >= np.median(times)
    made = [
        Compared("trained model", average_precision(struck[late], batch[late]), brier(struck[late], batch[late]).score)
    ]
    for name, model in online.items():
        said = _learn(model, rows, times, struck)
        made.append(Compared(name, average_precision(struck[late], said[late]), brier(struck[late], said[late]).score))
    return made


def _learn(model: Any, rows: list[dict[str, float]], times: np.ndarray, struck: np.ndarray) -> np.ndarray:
    said, due = np.zeros(len(rows)), 0
    for i, row in enumerate(rows):
        while times[due] + _WEEK_H <= times[i]:
            model.learn_one(rows[due], bool(struck[due]))
            due += 1
        said[i] = model.predict_proba_one(row).get(True, 0.0)
    return said


def _questions(
    taught: Taught, preparation: Preparation, models: Sequence[HazardModel], names: Sequence[str]
) -> tuple[list[dict[str, float]], np.ndarray, np.ndarray, np.ndarray]:
    """Daily questions in order of time: features, hours, whether any family struck within a week, and the trained model's word."""
    rows: list[dict[str, float]] = []
    times, struck, batch = [], [], []
    for one in asking(taught, names, DAY_H):
        features = preparation.of(one.history)
        known = np.flatnonzero(one.at + _WEEK_H <= taught.until_us // 3_600_000_000)
        columns, values = features.table(Asked(one.unit[known], one.at[known]))
        chosen = [i for i, name in enumerate(columns) if name.endswith(_ENDINGS)]
        used = [columns[i].replace(".", "_") for i in chosen]
        rows += [dict(zip(used, row, strict=True)) for row in np.nan_to_num(values[:, chosen]).tolist()]
        times.append(one.at[known])
        hit, spared = np.zeros(len(known), np.bool_), np.ones(len(known))
        for k, model in enumerate(models):
            hit |= np.logical_or.reduce([fate.struck for fate in one.fates(k)[:2]])[known]
            spared *= 1.0 - model.risk(features, one.unit[known], one.at[known]).within[:, 1]
        struck.append(hit)
        batch.append(1.0 - spared)
    when = np.concatenate(times)
    order = np.argsort(when, kind="stable")
    return [rows[i] for i in order], when[order], np.concatenate(struck)[order], np.concatenate(batch)[order]
