"""What a model says of ports at given hours: the likeliest family of each, others that stand out, with reasons for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.failure.bundle import Bundle
from models.failure.chargers import FAMILIES, ended, gives, history
from models.failure.features import Features
from models.failure.hazard import HazardModel, Risk
from models.failure.hours import HOUR_US, Hours
from models.failure.teach import EDGES
from models.failure.windows import Ints
from schemas.assets import PortFacts
from schemas.labels import Label

DAY_S: Final = 86_400.0
WEEK: Final = 1
STANDS_OUT: Final = 0.25
"""A family beside the likeliest is told from this share of the level on."""
DEFAULT_LEVEL: Final = 0.5


@dataclass
class Risks:
    """n rows of one model: `port` indexes `ports`, `at` is the end of the last hour that was looked at (microseconds),
    `within` [n, 3] the probabilities within 24 h, 7 d, 30 d."""

    version: str
    shadow: bool
    level: float
    ports: list[str]
    port: NDArray[np.int64]
    at: NDArray[np.int64]
    family: list[str]
    within: NDArray[np.float64]
    lead_s: NDArray[np.float64]
    reasons: list[list[dict[str, Any]]] = field(default_factory=list)


def level_of(bundle: Bundle) -> float:
    """P(failure within 7 days) from which the model's word is worth an order."""
    return bundle.scores.get("level", DEFAULT_LEVEL)


def foreign(bundle: Bundle) -> str | None:
    """Why `foretell` can say nothing by this model, in words; None for a model of ports as this version knows them."""
    if not gives(bundle.preparation.signature):
        return "was trained on other columns than hours of ports have"
    families = [model.family for model in bundle.hazards]
    if not families or not set(families) <= set(FAMILIES):
        return f"is about {', '.join(families) or 'no fault family'}; those that are predicted: {', '.join(FAMILIES)}"
    if any(model.edges != EDGES for model in bundle.hazards):
        return f"answers for other horizons than {EDGES[1:]} days"
    if not 0 < level_of(bundle) < 1:
        return f"orders from a probability of {level_of(bundle):g} on, which is none between 0 and 1"
    return None


def foretell(
    bundle: Bundle, hours: Hours, facts: Mapping[str, PortFacts], labels: Sequence[tuple[Label, bool]], at_us: Sequence[int],
    *, shadow: bool = False, level: float | None = None,
) -> Risks:  # fmt: skip
    """The risks of `hours.ports` at `at_us` (whole hours): what was known by then counts. ValueError for a model of other features.

    Ports without an hour within the two days before are left out: nothing is known of them. Cost: about 2 ms a port and time.
    """
    known = history(hours, facts, ended(labels, hours.ports), bundle.preparation.signature[4])
    features = bundle.preparation.of(known)
    unit, at = _questions(hours, at_us)
    level = level_of(bundle) if level is None else level
    risks = [model.risk(features, unit, at) for model in bundle.hazards]
    week = np.column_stack([risk.within[:, WEEK] for risk in risks]) if len(at) else np.empty((0, len(risks)))
    told = week >= STANDS_OUT * level
    if len(at):
        told[np.arange(len(at)), week.argmax(1)] = True
    return _rows(bundle, shadow, level, hours.ports, features, (unit, at), risks, told)


def _questions(hours: Hours, at_us: Sequence[int]) -> tuple[Ints, Ints]:
    units: list[Ints] = []
    times: list[Ints] = []
    for when in at_us:
        recent = (hours.at < when) & (hours.at >= when - 48 * HOUR_US)
        found = np.unique(hours.port[recent]).astype(np.int64)
        units.append(found)
        times.append(np.full(len(found), when // HOUR_US - 1, np.int64))
    empty = np.empty(0, np.int64)
    return np.concatenate([*units, empty]), np.concatenate([*times, empty])


def _rows(
    bundle: Bundle, shadow: bool, level: float, ports: list[str], features: Features, asked: tuple[Ints, Ints],
    risks: Sequence[Risk], told: NDArray[np.bool_],
) -> Risks:  # fmt: skip
    unit, at = asked
    parts: list[tuple[NDArray[np.intp], int]] = [(np.flatnonzero(told[:, k]), k) for k in range(len(risks))]
    reasons: list[list[dict[str, Any]]] = []
    for rows, k in parts:
        reasons += _reasons(bundle.hazards[k], features, unit[rows], at[rows]) if len(rows) else []
    return Risks(
        bundle.version, shadow, level, ports,
        np.concatenate([unit[rows] for rows, _ in parts]),
        (np.concatenate([at[rows] for rows, _ in parts]) + 1) * HOUR_US,
        [bundle.hazards[k].family for rows, k in parts for _ in rows],
        np.concatenate([risks[k].within[rows] for rows, k in parts]),
        np.concatenate([risks[k].lead[rows] for rows, k in parts]) * DAY_S,
        reasons,
    )  # fmt: skip


def _reasons(model: HazardModel, features: Features, unit: Ints, at: Ints) -> list[list[dict[str, Any]]]:
    """What raised the odds most, in the interval of a week if it has trees."""
    grown = [k for k, interval in enumerate(model.intervals) if interval.trees is not None]
    if not grown:
        return [[] for _ in at]
    found = model.reasons(features, unit, at, WEEK if WEEK in grown else grown[-1])
    return [
        [{"feature": name, "effect": round(effect, 3), "text": describe(name)} for name, effect in row] for row in found
    ]


_SOURCES: Final = {
    "contact_heat": "heating of the connector by its current", "contact_peak": "warmest connector while charging",
    "cabinet_heat": "heating of the cabinet by its load", "cabinet_rise": "cabinet over ambient", "fan": "fan speed",
    "delivered": "current delivered of what was asked for", "voltage": "lowest supply voltage", "imbalance": "imbalance of phases",
    "isolation": "isolation resistance", "contactor_delay": "delay of the contactor", "lock_retries": "tries of the lock",
    "free_memory": "free memory", "score": "anomaly score", "residual_connector": "connector warmer than explained",
    "residual_cabinet": "cabinet warmer than explained", "residual_delivery": "current below what was expected",
    "joint1": "all channels together", "joint2": "all channels together", "faults": "faults told", "failed": "failed charges",
    "boots": "restarts", "lost": "lost connections", "sessions": "charging sessions", "age": "time on record", "own": "the part",
    "visit": "the last visit", "years": "years in service", "rated_kw": "rated power", "dc": "direct current", "phases": "phases",
}  # fmt: skip
_KINDS: Final = {
    "mean": "mean", "change": "change against its own beginning", "slope": "trend", "deviation": "unrest", "low": "lowest",
    "high": "highest", "count": "number", "since": "time since the last", "since_repair": "time since repair",
    "at_visit": "age at the next visit", "rhythm": "rhythm of visits", "due": "time to the next visit",
}  # fmt: skip


def describe(feature: str) -> str:
    """A feature's name for people: `contact_heat.change.5` is "heating of the connector by its current: change against its own
    beginning, 5 days"."""
    if "=" in feature:
        return feature.replace("=", " ", 1)
    parts = feature.split(".")
    source = _SOURCES.get(parts[0], parts[0].replace("_", " "))
    if parts[0] == "errors":
        source, parts = f"faults of kind {parts[1].replace('_', ' ')}", parts[1:]
    kind = _KINDS.get(parts[1], parts[1]) if len(parts) > 1 else ""
    span = (
        ""
        if len(parts) < 3
        else (", since the beginning" if parts[2] == "all" else f", {parts[2]} day{'s' * (parts[2] != '1')}")
    )
    return f"{source}: {kind}{span}" if kind else source
