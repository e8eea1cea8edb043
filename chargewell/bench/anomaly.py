"""Every registered detector on public labelled data, one parameter set, strictly online: `chargewell bench anomaly --data DIR`.

The folder brings the data and its own scorers (`score_nab.py`, `score_skab.py`); none of it belongs to this project. A detector
is judged by what it decides itself: NAB by the rows on which it tells an event, SKAB by its alarm and score. Rows are fed
one at a time, all files side by side as ports of one detector.
"""

import importlib
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from chargewell.terminal import screen
from models.anomaly.detector import DEFAULT, Detector, Scores, detectors

SCORERS: Final = ("heldout_io", "score_nab", "score_skab")
_PORTS, _CHANNELS, _ROUNDS = 1_000, 3, 700


@dataclass(frozen=True, slots=True)
class Result:
    """One detector on one split. NAB in per cent of the perfect score, FAR in per cent, speed in microseconds a reading."""

    detector: str
    split: str
    nab_standard: float
    nab_low_fp: float
    nab_windows: str
    nab_false: int
    skab_f1: float
    skab_far: float
    skab_auc: float
    us_per_reading: float
    bytes_per_port: int


def run(data: Path, console: Console | None = None) -> list[Result]:
    """Score every detector on every split that `data` holds and print the table. FileNotFoundError says what is missing."""
    missing = [f"{name}.py" for name in SCORERS if not (data / f"{name}.py").is_file()]
    if missing:
        raise FileNotFoundError(
            f"{data} does not hold {', '.join(missing)}: give the folder with the public scorers and their data (--data)"
        )
    results: list[Result] = []
    with _scorers(data) as (nab, skab):
        for split in nab.splits():
            for name, cls in detectors().items():
                results.append(Result(name, split, **_nab(nab, cls, split), **_skab(skab, cls, split), **_cost(cls)))
    _show(results, console or screen)
    return results


@contextmanager
def _scorers(data: Path) -> Iterator[tuple[ModuleType, ModuleType]]:
    """The scorers of `data`, which import each other by bare name; forgotten afterwards."""
    sys.path.insert(0, str(data))
    try:
        yield importlib.import_module("score_nab"), importlib.import_module("score_skab")
    finally:
        sys.path.remove(str(data))
        for name in SCORERS:
            sys.modules.pop(name, None)


def feed(detector: Detector, series: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, Scores]:
    """Feed series (name -> seconds [n], values [n, channels]) side by side, row by row; the scores of each."""
    names = list(series)
    out = {
        k: Scores(np.zeros(len(v[0]), np.float32), np.zeros(len(v[0]), bool), np.zeros(len(v[0]), np.float32))
        for k, v in series.items()
    }
    lengths = np.array([len(series[k][0]) for k in names])
    for i in range(int(lengths.max(initial=0))):
        slot = np.flatnonzero(lengths > i)
        at = np.array([series[names[s]][0][i] for s in slot], np.int64) * 1_000_000
        x = np.stack([series[names[s]][1][i] for s in slot]).astype(np.float32)
        got = detector.update(slot, at, x)
        for j, s in enumerate(slot):
            mine = out[names[s]]
            mine.score[i], mine.alarm[i], mine.event[i] = got.score[j], got.alarm[j], got.event[j]
    return out


def _nab(nab: ModuleType, cls: type[Detector], split: str) -> dict[str, Any]:
    data = nab.load_nab(split)
    got = feed(cls(1), {k: (d["t"].astype("int64"), d["x"][:, None]) for k, d in data.items()})
    told = {k: np.isfinite(scores.event).astype(float) for k, scores in got.items()}
    result = nab.evaluate(data, told, 0.5)
    standard = result["standard"]
    return {
        "nab_standard": standard["score"],
        "nab_low_fp": result["reward_low_FP_rate"]["score"],
        "nab_windows": f"{standard['windows_hit']}/{standard['windows']}",
        "nab_false": standard["false_rows"],
    }


def _skab(skab: ModuleType, cls: type[Detector], split: str) -> dict[str, Any]:
    data = skab.load_skab(split)
    got = feed(cls(8), {k: (d["t"].astype("int64"), d["X"]) for k, d in data.items()})
    head = skab.HEAD
    score = {k: s.score[head:].astype(float) for k, s in got.items()}
    alarm = {k: s.alarm[head:].astype(int) for k, s in got.items()}
    result = skab.evaluate(data, score, alarm)
    return {"skab_f1": result["F1"], "skab_far": result["FAR"], "skab_auc": result["mean_file_auc"]}


def _cost(cls: type[Detector]) -> dict[str, Any]:
    """Microseconds a reading of three channels at 1,000 ports, after the warm-up, and bytes a port."""
    detector, rng = cls(_CHANNELS), np.random.default_rng(0)
    slot, spent, rows = np.arange(_PORTS), 0.0, 0
    for i in range(_ROUNDS):
        x = rng.standard_normal((_PORTS, _CHANNELS)).astype(np.float32)
        at = np.full(_PORTS, i * 60_000_000, np.int64)
        began = time.process_time()
        detector.update(slot, at, x)
        if i >= _ROUNDS - 200:
            spent, rows = spent + time.process_time() - began, rows + _PORTS
    return {"us_per_reading": 1e6 * spent / rows, "bytes_per_port": detector.bytes_per_port()}


def _show(results: list[Result], console: Console) -> None:
    table = Table(title="Detectors on public data: one parameter set, strictly online, each by its own level")
    for column in (
        "detector",
        "split",
        "NAB std",
        "low FP",
        "windows",
        "false",
        "SKAB F1",
        "FAR %",
        "AUC",
        "us/reading",
        "bytes/port",
    ):
        table.add_column(column, justify="left" if column in ("detector", "split") else "right")
    for r in results:
        cells = [
            f"{v:.3f}" if k in ("skab_f1", "skab_auc") else f"{v:.1f}" if isinstance(v, float) else str(v)
            for k, v in asdict(r).items()
        ]
        table.add_row(*cells, style="bold" if r.detector == DEFAULT else "")
    console.print(table)
