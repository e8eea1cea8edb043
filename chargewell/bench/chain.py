"""Speed of the chain beside its rivals: all stages in one run, in turn, order reversed every second round; medians and ratios.

`chargewell bench chain`. Services are started in a temporary folder unless given. Readings are canonical JSON, three channels,
one message a reading. Absolute figures are this machine's; ratios are what to quote.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from chargewell.bench.latency import latency
from chargewell.bench.load import enter_ports, fill
from chargewell.bench.rivals import TABLES
from chargewell.bench.sink import sink_ratio
from chargewell.deployment import prepare
from chargewell.services import start_all
from chargewell.settings import CONFIG_VARIABLE, Settings, write
from chargewell.wiring import at_services
from connectors.kafka import ends
from connectors.timescale.pool import connect

STAGES: Final = ("consume", "normalise", "store", "anomaly", "fused", "all", "idiomatic", "best_per_item")
"""`fused` is normalise, store and anomaly in one process, which is the rivals' work; `all` is the flow of that name: sessions,
uptime and failure as well."""
WANTED: Final = {"fused / best_per_item": 3.0, "sink / bare COPY": 0.8}
_ESTIMATED_RATE: Final = 150_000
Results = dict[str, list[dict[str, Any]]]


def run(settings: Settings, *, seconds: float, repeats: int, console: Console) -> int:
    """Measure and print; 0 if the required ratios are reached, else 1. `seconds` sets the amount of work of a stage."""
    readings = int(seconds * _ESTIMATED_RATE) // 2_000 * 2_000
    with tempfile.TemporaryDirectory(prefix="chargewell-bench-") as name:
        folder = Path(name)
        with start_all(folder / "services", settings.services, note=console.print) as services:
            console.print(services.describe())
            mine = at_services(settings, services, data_dir=folder / "data")
            write(mine, folder / "settings.toml")
            prepare(mine)
            enter_ports(mine.database)
            until = fill(mine.kafka, readings)
            console.print(f"{readings:,} readings of 2,000 ports are in {mine.kafka.topics.raw}")
            _write_load(mine, folder, until)
            results = _rounds(mine, folder, repeats, console)
            ratios = show(results, readings, console)
            ratios["sink / bare COPY"] = sink_ratio(mine, repeats, console)
            latency(mine, folder, console)
    return _verdict(ratios, console)


def _write_load(settings: Settings, folder: Path, until: Mapping[int, int]) -> None:
    """Note the end offsets, and run normalise once so that the stages behind it have their topic."""
    (folder / "load.json").write_text(json.dumps({"raw": until}))
    _stage("normalise", folder)
    telemetry = {p: high for p, (_, high) in ends(settings.kafka, settings.kafka.topics.telemetry).items()}
    (folder / "load.json").write_text(json.dumps({"raw": until, "telemetry": telemetry}))


def _rounds(settings: Settings, folder: Path, repeats: int, console: Console) -> Results:
    results: Results = {stage: [] for stage in STAGES}
    for number in range(repeats):
        for stage in STAGES if number % 2 == 0 else reversed(STAGES):
            _empty(settings)
            results[stage].append(_stage(stage, folder))
            console.print(f"round {number + 1}: {stage} {results[stage][-1]['seconds']:.1f} s")
    return results


def _empty(settings: Settings) -> None:
    """Each stage writes into empty tables: a row that stands there already would be another, slower case."""
    with connect(settings.database) as conn:
        conn.execute(
            "TRUNCATE reading, reading_other, reading_1m, event, reject, charging_session, availability, uptime_rolling, "
            "uptime_now, uptime_daily, charging_daily, anomaly_score, port_hour, failure_risk, flow_progress, audit_recent, audit_sum"
        )
        conn.execute(TABLES)


def _stage(stage: str, folder: Path) -> dict[str, Any]:
    environment = os.environ | {CONFIG_VARIABLE: str(folder / "settings.toml")}
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "chargewell.bench.stage", stage, str(folder)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"stage {stage} failed:\n{done.stderr[-2_000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def show(results: Results, readings: int, console: Console) -> dict[str, float]:
    """Print the table; the ratio of medians that is required."""
    rate = {stage: readings / statistics.median(r["seconds"] for r in runs) for stage, runs in results.items()}
    table = Table(title="Readings a second, one process, recovery on")
    for name in ("stage", "readings/s", "spread", "CPU us a reading", "peak MB", "bytes a port", "x best per-item"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for stage, runs in results.items():
        rates = [readings / r["seconds"] for r in runs]
        cpu = statistics.median(r["cpu_s"] for r in runs) / readings * 1e6
        table.add_row(
            stage, f"{rate[stage]:,.0f}", f"{min(rates):,.0f} to {max(rates):,.0f}", f"{cpu:.2f}",
            f"{max(r['peak_mb'] for r in runs):.0f}", f"{max(r['bytes_a_port'] for r in runs):,.0f}", f"{rate[stage] / rate['best_per_item']:.2f}",
        )  # fmt: skip
    console.print(table)
    console.print(
        "fused: normalise, store and anomaly in one process, as the rivals do; all: sessions, uptime and failure as well"
    )
    return {"fused / best_per_item": rate["fused"] / rate["best_per_item"]}


def _verdict(ratios: Mapping[str, float], console: Console) -> int:
    missed = [name for name, wanted in WANTED.items() if ratios[name] < wanted]
    for name, wanted in WANTED.items():
        mark: Callable[[str], str] = "[red]{}[/red]".format if name in missed else "[green]{}[/green]".format
        console.print(mark(f"{name}: {ratios[name]:.2f} (wanted at least {wanted})"))
    return 1 if missed else 0
