"""Failure models on public data: turbofans run to failure (C-MAPSS) and a year of machines (PdM).

The same features, trees and parameters serve both: only what the columns are called differs.
"""

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from chargewell.bench.failure_columns import machines, machines_asked, occurrences, turbofans
from chargewell.terminal import screen
from models.failure.features import Preparation
from models.failure.hazard import HazardModel, Training, train_hazards
from models.failure.life import CAP, train_life
from models.failure.occurrences import Recency
from models.failure.scores import average_precision, brier, calibration_error

_SCORERS: Final = ("heldout_io", "score_cmapss", "score_pdm")
_DAY: Final = 24
_WIDTH: Final = 100
Streams = dict[str, Any]


def run(data: Path) -> None:
    """Print both tables for the scorers and data in `data`. FileNotFoundError names what is missing and the remedy.

    Where the folder holds more than the practice data, all of its parts are scored.
    """
    console = screen
    console.width = max(console.width, _WIDTH)
    with _scorers(data) as (held, cmapss, pdm):
        whole = "all" in held.splits()
        _lives(console, cmapss, ("FD001", "FD002", "FD003", "FD004") if whole else ("FD001",))
        for protocol in ("time", "time+machine") if whole else ("practice",):
            for lead in (0, _DAY):
                _machines(console, pdm, protocol, lead)


@contextmanager
def _scorers(data: Path) -> Iterator[list[ModuleType]]:
    missing = [f"{name}.py" for name in _SCORERS if not (data / f"{name}.py").is_file()]
    if missing:
        raise FileNotFoundError(
            f"{data} has no {', '.join(missing)}: give the folder with the public scorers and their data by --data"
        )
    sys.path.insert(0, str(data.resolve()))
    try:
        yield [importlib.import_module(name) for name in _SCORERS]
    finally:
        sys.path.remove(str(data.resolve()))
        for name in _SCORERS:
            sys.modules.pop(name, None)


def _lives(console: Console, scorer: ModuleType, subsets: tuple[str, ...]) -> None:
    table = _table("remaining life, C-MAPSS, capped at 125 cycles; less is better")
    for name in ("subset", "method", "RMSE", "PHM08", "mean error", "seconds"):
        table.add_column(name, justify="left" if name in ("subset", "method") else "right")
    methods: dict[str, Callable[..., Any]] = {"chargewell": remaining_life, "mean life less age": _mean_life}
    for subset in subsets:
        for name, method in methods.items():
            got = scorer.score_cmapss(method, (subset,), CAP)[subset]
            figures = (got["rmse"], got["phm08"], got["mae"], got["seconds"])
            table.add_row(subset, name, *(f"{x:.2f}" for x in figures))
    console.print(table)


def remaining_life(train: list[Any], test: list[Any]) -> np.ndarray:
    """Cycles left at the last row of each test unit; arrays are [cycles, 3 settings + channels], training units failed."""
    known = turbofans(train)
    ends = np.array([len(unit) - 1 for unit in train], np.int64)
    preparation, model = train_life(known, ends, ends)
    asked = np.arange(len(test), dtype=np.int64)
    last = np.array([len(unit) - 1 for unit in test], np.int64)
    return model.left(preparation.of(turbofans(test)), asked, last)


def _mean_life(train: list[Any], test: list[Any]) -> np.ndarray:
    mean = float(np.mean([len(u) for u in train]))
    return np.clip(mean - np.array([len(u) for u in test]), 0.0, CAP)


class FailureSoon:
    """Probability that each component fails between `lead_h` and a day later; learns once, then answers any test streams."""

    def __init__(self, lead_h: int) -> None:
        self._edges = tuple(range(1, lead_h // _DAY + 2))
        self._learned: tuple[Preparation, list[HazardModel]] | None = None
        self.first: np.ndarray | None = None

    def __call__(self, train: Streams, test: Streams) -> np.ndarray:
        """The answer [decisions, 4] to `test["decisions"]`; the first one is kept in `first`."""
        if self._learned is None:
            self._learned = self._learn(train)
        preparation, models = self._learned
        features = preparation.of(machines(test))
        unit, at = machines_asked(test)
        risks = [model.risk(features, unit, at) for model in models]
        last = len(self._edges) - 1
        answer = np.column_stack([r.within[:, 0] if last == 0 else r.between(last - 1, last) for r in risks])
        if self.first is None:
            self.first = answer
        return answer

    def _learn(self, train: Streams) -> tuple[Preparation, list[HazardModel]]:
        unit, at = machines_asked(train)
        watched = np.full(len(train["meta"]), int(train["tel"][:, 1].max()), np.int64)
        failures = occurrences(train, "fail")
        given = Training(machines(train), unit, at, failures, watched, self._edges)
        return train_hazards(given, given.history.component_names)


def _machines(console: Console, scorer: ModuleType, protocol: str, lead: int) -> None:
    began = time.monotonic()
    model = FailureSoon(lead)
    got = scorer.score_pdm(model, protocol, lead_h=lead)
    train, test, struck = scorer.build(protocol, lead_h=lead)
    table = _table(
        f"failure {lead} to {lead + _DAY} h ahead, PdM, protocol {protocol} ({time.monotonic() - began:.0f} s)"
    )
    for name in ("method", "PR-AUC", "1", "2", "3", "4", "Brier", "skill", "calibration"):
        table.add_column(name, justify="left" if name == "method" else "right")
    answers = {"chargewell": np.asarray(model.first), **_baselines(train, test)}
    for name, answer in answers.items():
        parts = [average_precision(struck[:, c], answer[:, c]) for c in range(4)]
        row = [name, f"{np.mean(parts):.3f}", *(f"{p:.3f}" for p in parts)]
        if answer.max() <= 1 and name in ("chargewell", "base rate"):
            quality = brier(struck.ravel(), answer.ravel())
            row += [f"{quality.score:.5f}", f"{quality.skill:.3f}"]
            row.append(f"{calibration_error(struck.ravel(), answer.ravel()):.5f}")
        table.add_row(*row)
    console.print(table)
    ours = np.mean([average_precision(struck[:, c], answers["chargewell"][:, c]) for c in range(4)])
    if abs(got["all"]["pr_auc"] - ours) > 1e-6:
        raise RuntimeError("the scorer of the folder and ours disagree on PR-AUC")


def _baselines(train: Streams, test: Streams) -> dict[str, np.ndarray]:
    """Base rate, age of the machine, age of the component, and errors of the last five days, as scores [decisions, 4]."""
    unit, at = machines_asked(test)
    history = machines(test)
    errors = Recency(history.errors).count(unit, at - 5 * _DAY, at)
    own = [Recency(history.repairs.of(c)).since(unit, at) for c in range(4)]
    return {
        "base rate": np.tile(train["y"].mean(0), (len(at), 1)),
        "age of machine": np.tile(history.facts[unit, :1], (1, 4)),
        "age of component": np.nan_to_num(np.column_stack(own)),
        "errors, 5 days": np.tile(errors[:, None], (1, 4)),
    }


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left")
