"""From fleets and their labels to a failure model: which questions are asked, which of them are kept, what each stands for.

Failures are rare, so of the questions that nothing followed a sample is kept and stands for the rest by its weight. Features
are made for a hundred ports at a time: memory does not grow with the fleet.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.failure import trees
from models.failure.chargers import DAY_H, FAMILIES, Ended, ended, fact_names, history, out_of_order
from models.failure.features import Asked, Features, Matrix, Preparation, prepare
from models.failure.hazard import HazardModel, Sample, fit_hazard, rate_alone
from models.failure.history import History, Occurrences
from models.failure.hours import HOUR_US, Hours
from models.failure.targets import Fate, fates
from models.failure.windows import Floats, Ints
from schemas.assets import PortFacts
from schemas.labels import Label

EDGES: Final = (0, 1, 7, 30)
"""Days between which the hazard of a family is one number."""
EVERY_H: Final = 12
WARM_H: Final = 10 * DAY_H
"""A port is asked about from so long after its first hour on."""
KEPT: Final = 8_000
"""About how many questions that nothing followed are kept for each family."""
CLEARED: Final = 3.0
"""A question about a port where somebody looked and found nothing stands for this many times what another one does."""
MOST: Final = 64
GROWTH: Final = {**trees.GROWTH, "max_iter": 80, "learning_rate": 0.1}
"""A fleet gives far more questions than public data, and failures that show: fewer features and trees do, and train in minutes."""
_PORTS: Final = 100


@dataclass(frozen=True, slots=True)
class Taught:
    """What a fleet teaches: its hours, what the registry says of its ports, labels (each with whether the fault was there),
    and the span of time to ask about in microseconds: failures after `until_us` are not known."""

    hours: Hours
    facts: dict[str, PortFacts]
    labels: list[tuple[Label, bool]]
    until_us: int
    from_us: int = 0


@dataclass(frozen=True, slots=True)
class Asking:
    """Questions about ports first..first+n of a fleet: `unit` counts within these ports."""

    first: int
    history: History
    ended: Ended
    unit: Ints
    at: Ints
    watched: Ints

    def fates(self, family: int) -> list[Fate]:
        """What came after each question, in each interval of EDGES."""
        failures = self.ended.failures.of(family)
        return [fates(self.unit, self.at, failures, self.watched, a * DAY_H, b * DAY_H) for a, b in pairwise(EDGES)]


def asking(taught: Taught, names: Sequence[str], every_h: int = EVERY_H) -> Iterator[Asking]:
    """The questions about a fleet, a hundred ports at a time; `names` as `chargers.fact_names`."""
    hours, until = taught.hours, taught.until_us // HOUR_US
    for first in range(0, len(hours.ports), _PORTS):
        ports = hours.ports[first : first + _PORTS]
        lo, hi = np.searchsorted(hours.port, (first, first + len(ports)))
        mine = np.zeros(len(hours), np.bool_)
        mine[lo:hi] = True
        part = hours.take(mine)
        part = Hours(ports, part.port - first, part.at, part.columns, part.errors)
        known = ended(taught.labels, ports)
        made = history(part, taught.facts, known, names)
        unit, at = _grid(made, max(taught.from_us // HOUR_US, 0), until, every_h)
        yield Asking(first, made, known, unit, at, np.full(len(ports), until, np.int64))


def _grid(known: History, start: int, until: int, every_h: int) -> tuple[Ints, Ints]:
    units: list[Ints] = []
    times: list[Ints] = []
    for unit in range(known.units):
        lo, hi = np.searchsorted(known.unit, (unit, unit + 1))
        if lo == hi:
            continue
        begin = max(int(known.at[lo]) + WARM_H, start)
        at = np.arange(begin + unit % every_h, min(until, int(known.at[hi - 1]) + 1), every_h, dtype=np.int64)
        units.append(np.full(len(at), unit, np.int64))
        times.append(at)
    empty = np.empty(0, np.int64)
    return np.concatenate([*units, empty]), np.concatenate([*times, empty])


def preparation_of(fleets: Sequence[Taught], names: Sequence[str], seed: int = 0) -> Preparation:
    """The preparation learned from a hundred ports spread over the first fleet."""
    hours = fleets[0].hours
    chosen = np.unique(np.linspace(0, len(hours.ports) - 1, _PORTS).astype(np.int64))
    place = np.full(len(hours.ports), -1, np.int64)
    place[chosen] = np.arange(len(chosen))
    part = hours.take(place[hours.port] >= 0)
    ports = [hours.ports[i] for i in chosen]
    sample = Hours(ports, place[part.port], part.at, part.columns, part.errors)
    nothing = Ended(Occurrences(), Occurrences(), Occurrences())
    return prepare(history(sample, fleets[0].facts, nothing, names), seed)


Each = Callable[[Callable[["Job"], HazardModel], Iterable["Job"]], Iterable[HazardModel]]


@dataclass(frozen=True, slots=True)
class Job:
    """One family to fit; plain data, so that another process can do it."""

    family: str
    sample: Sample
    seed: int


def fit(job: Job) -> HazardModel:
    """The model of one family."""
    return fit_hazard(job.family, FAMILIES.index(job.family), EDGES, job.sample, seed=job.seed)


def teach(
    fleets: Sequence[Taught], families: Sequence[str] = FAMILIES, *, kept: int = KEPT, seed: int = 0, each: Each = map
) -> tuple[Preparation, list[HazardModel]]:
    """A model for each family from all fleets together; `each` may share the families out over processes. ValueError where no
    hour is known.

    Cost: about 40 s a family for 1,000 port-months with 300 failures, on one core.
    """
    if not any(len(fleet.hours) for fleet in fleets):
        raise ValueError(
            "there are no hours to learn from: let the flow `failure` run first, or train on simulated fleets"
        )
    facts = {port: known for fleet in fleets for port, known in fleet.facts.items()}
    names = fact_names(facts)
    preparation = preparation_of(fleets, names, seed)
    rng = np.random.default_rng([seed, 0x7EAC4])
    told = {label.fault for fleet in fleets for label, _ in fleet.labels}
    parts: dict[str, list[_Part]] = {family: [] for family in families if family in told}
    columns: dict[str, tuple[str, ...]] = {}
    offset = 0
    for fleet in fleets:
        asked = len(fleet.hours) / EVERY_H
        for one in asking(fleet, names):
            features = preparation.of(one.history)
            for family in parts:
                rate = min(1.0, kept / max(asked * len(fleets), 1.0))
                columns[family], part = _part(one, features, FAMILIES.index(family), rate, offset, rng)
                parts[family].append(part)
            offset += one.history.units
    jobs = (Job(family, _sample(columns[family], parts[family]), seed) for family in parts)
    fitted = {model.family: model for model in each(fit, jobs)}
    asked = sum(len(fleet.hours) for fleet in fleets) // EVERY_H
    return preparation, [
        fitted.get(family) or rate_alone(family, FAMILIES.index(family), EDGES, asked) for family in families
    ]


@dataclass(frozen=True, slots=True)
class _Part:
    values: Matrix
    unit: Ints
    fates: list[Fate]
    weight: Floats


def _part(
    one: Asking, features: Features, family: int, rate: float, offset: int, rng: np.random.Generator
) -> tuple[tuple[str, ...], _Part]:
    found = one.fates(family)
    struck = np.logical_or.reduce([fate.struck for fate in found])
    looked = _looked(one, family)
    chance = rng.random(len(one.at))
    usable = ~out_of_order(one.unit, one.at, one.ended, family)
    rows = np.flatnonzero(usable & (struck | looked | (chance < rate)))
    weight = np.where(struck[rows] | looked[rows], 1.0, 1.0 / rate)
    weight = np.where(looked[rows] & ~struck[rows], CLEARED / rate, weight)
    names, values = features.table(Asked(one.unit[rows], one.at[rows], family))
    kept = [Fate(f.struck[rows], f.known[rows], f.at_risk[rows]) for f in found]
    return tuple(names), _Part(values, one.unit[rows] + offset, kept, weight)


def _looked(one: Asking, family: int, days: int = 3) -> NDArray[np.bool_]:
    """Questions of the days around a visit at which the fault was looked for and not found."""
    out = np.zeros(len(one.at), np.bool_)
    mine = one.ended.cleared.of(family)
    for unit, at in zip(mine.unit.tolist(), mine.at.tolist(), strict=True):
        out |= (one.unit == unit) & (np.abs(one.at - at) <= days * DAY_H)
    return out


def _sample(names: tuple[str, ...], parts: list[_Part]) -> Sample:
    count = len(EDGES) - 1
    found = [
        Fate(
            np.concatenate([p.fates[k].struck for p in parts]),
            np.concatenate([p.fates[k].known for p in parts]),
            np.concatenate([p.fates[k].at_risk for p in parts]),
        )
        for k in range(count)
    ]
    return Sample(
        names,
        np.concatenate([p.values for p in parts]),
        np.concatenate([p.unit for p in parts]),
        found,
        np.concatenate([p.weight for p in parts]),
        MOST,
        GROWTH,
    )
