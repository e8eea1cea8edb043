"""The command `bench chargers`: a trial in four seasons and a healthy one, the operator and its rivals on the same fleets, one table."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from chargewell.bench.chargers.cases import STATED
from chargewell.bench.chargers.report import show
from chargewell.bench.chargers.watch import OPERATOR, Watched, failing, healthy
from chargewell.bench.chargers.worlds import SEASONS, TRIALS, TUNING
from chargewell.terminal import screen
from models.anomaly.detector import detectors
from models.evaluation.matching import AFTER_US, same_place
from models.evaluation.modes import Judged, Said, judge
from models.evaluation.rivals import Table, follow_all, level_for, limits, told

RATE: Final = 0.1
"""Alerts about nothing per port and month that are allowed."""
OWN_LEVELS: Final = {"cusum": 1.0, "mewma": 1.0, "half_space": 4.0}
"""Levels at which the rivals alarm by themselves."""
LEVELS: Final = {"cusum": 4.0, "mewma": 11.5, "half_space": 13.5}
"""Levels at which they raise `RATE` on the fleets of the tuning world (`tuned_level`); 4.0 is where CUSUM is capped: it has none."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a trial came to, by who watched: judged on the fleets with faults, and alerts on the healthy one per port and month."""

    trial: str
    judged: dict[str, Judged]
    healthy: dict[str, float]
    fleets: list[Watched]
    calm: Watched


def run(
    *, world: str = "judging", stations: int = 30, days: float = 30, workers: int = 2, rivals: bool = True,
    console: Console | None = None,
) -> Result:  # fmt: skip
    """Run a trial and print the table. ValueError for a world that is not known or too few days.

    30 stations (60 ports a fleet) over 30 days are 16 million readings: some minutes on two cores.
    """
    if world not in TRIALS:
        raise ValueError(f"there is no world {world!r}: use one of {', '.join(TRIALS)}")
    console, began = console or screen, time.monotonic()
    trial = TRIALS[world]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        calm = pool.submit(healthy, trial, stations, days)
        fleets = [pool.submit(failing, trial, season, stations, days) for season in range(len(SEASONS))]
        done = [f.result() for f in fleets]
        everything = [*done, calm.result()]
        asked = [pool.submit(_rival, name, everything) for name in (("limits", *LEVELS) if rivals else ())]
        said = {OPERATOR: [f.said for f in everything]}
        for one in asked:
            said |= one.result()
        tuned = {
            name: pool.submit(tuned_level, name, done) for name in (LEVELS if rivals and world == TUNING.name else ())
        }
        levels = {name: one.result() for name, one in tuned.items()}
    judged = {name: _judged(done, rows) for name, rows in said.items()}
    months = calm.result().port_months
    result = Result(world, judged, {name: len(rows[-1]) / months for name, rows in said.items()}, done, calm.result())
    show(result, STATED, time.monotonic() - began, console)
    for name, level in levels.items():
        console.print(f"{name}: {RATE:g} alerts about nothing per port and month at level {level:.1f}")
    return result


def _judged(fleets: Sequence[Watched], said: Sequence[Sequence[Said]]) -> Judged:
    parts = [judge(f.cases, s, f.port_days) for f, s in zip(fleets, said, strict=False)]
    return Judged(
        [o for p in parts for o in p.outcomes], [s for p in parts for s in p.false], sum(p.port_months for p in parts)
    )


def _rival(name: str, fleets: Sequence[Watched]) -> dict[str, list[list[Said]]]:
    """What a rival says of each fleet, at its own level and at the one that is set for it."""
    tables = [table(f) for f in fleets]
    if name == "limits":
        return {name: [limits(t) for t in tables]}
    tracks = follow_all(detectors()[name], tables)
    levels = {f"{name}, own level": OWN_LEVELS[name], f"{name}, {RATE:g} on tuning": LEVELS[name]}
    return {
        row: [told(t, track, level) for t, track in zip(tables, tracks, strict=True)] for row, level in levels.items()
    }


def table(fleet: Watched) -> Table:
    """The minutes of a fleet as its rivals are given them."""
    return Table(*fleet.minutes.columns(), fleet.ports)


def tuned_level(name: str, fleets: Sequence[Watched]) -> float:
    """The level of a rival at which the rows without faults give `RATE` alerts per port and month."""
    plain = [table(f) for f in fleets]
    tables = list(zip(plain, follow_all(detectors()[name], plain), strict=True))
    quiet = {i: ~_faulty(t, f) for i, ((t, _), f) in enumerate(zip(tables, fleets, strict=True))}
    return level_for(tables, sum(f.port_months for f in fleets), RATE, quiet)


def _faulty(t: Table, fleet: Watched) -> NDArray[np.bool_]:
    """The rows at which a fault is there."""
    found = np.zeros(len(t.at), np.bool_)
    for case in fleet.cases:
        ports = [i for i, p in enumerate(t.names) if same_place(p, case.port)]
        found |= np.isin(t.port, ports) & (t.at >= case.start_us) & (t.at <= case.end_us + AFTER_US)
    return found
