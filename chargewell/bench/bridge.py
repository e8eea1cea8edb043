"""The bridge beside a paho subscriber that only acknowledges, and what it holds while Kafka is slow or gone.

`chargewell bench bridge`. Broker and Kafka are started in a temporary folder. Both readers find the same load waiting in a
persistent session, in turn, the order reversed every second round. Absolute figures are this machine's; the ratio is what
to quote.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from chargewell.services import Services, start_all
from chargewell.settings import CONFIG_VARIABLE, Settings, write
from chargewell.wiring import messaging_at
from connectors.kafka import ensure_topics

WANTED: Final = 0.75
CLIENT: Final = "bench-bridge"
READERS: Final = ("paho", "bridge")
_ESTIMATED_RATE: Final = 45_000
_OUTAGE_MESSAGES: Final = 40_000
_PULSE_S: Final = 0.3
Result = dict[str, Any]


def run(settings: Settings, *, seconds: float, repeats: int, console: Console) -> int:
    """Measure and print; 0 if the ratio and the bound hold, else 1. A stage ends after `seconds` or when it has read all."""
    with tempfile.TemporaryDirectory(prefix="chargewell-bench-") as name:
        folder = Path(name)
        with start_all(folder / "services", settings.services, note=console.print, kinds=("mqtt", "kafka")) as services:
            console.print(services.describe())
            config = _configure(settings, services, folder)
            results = _rounds(config, round(_ESTIMATED_RATE * seconds), seconds, repeats, console)
            ratio = _show(results, console)
            held = [_outage(config, services, kind, seconds, console) for kind in ("slow", "gone")]
    kept = all(outage["most"] <= outage["bound"] and outage["messages"] >= _OUTAGE_MESSAGES for outage in held)
    console.print(f"bridge / paho that only acknowledges: {ratio:.2f} (wanted at least {WANTED})")
    return 0 if ratio >= WANTED and kept else 1


def _configure(settings: Settings, services: Services, folder: Path) -> Path:
    mine = messaging_at(settings, services)
    config = folder / "settings.toml"
    write(mine, config)
    ensure_topics(mine.kafka)
    return config


def _rounds(config: Path, count: int, seconds: float, repeats: int, console: Console) -> dict[str, list[Result]]:
    results: dict[str, list[Result]] = {reader: [] for reader in READERS}
    for number in range(repeats):
        for reader in READERS if number % 2 == 0 else reversed(READERS):
            _fill(config, count)
            result = _stage(config, reader, count, seconds)
            results[reader].append(result)
            console.print(f"round {number + 1}: {reader} {result['messages'] / result['seconds']:,.0f} messages/s")
    return results


def _outage(config: Path, services: Services, kind: str, seconds: float, console: Console) -> Result:
    """Kafka stopped and continued in turn, or killed and started again, under load: what the bridge held at most."""
    _fill(config, _OUTAGE_MESSAGES)
    pid = services.running("kafka").pid
    if pid is None:
        raise RuntimeError("this Kafka is not ours to stop: run the benchmark on services that it starts itself")
    if kind == "gone":
        os.kill(pid, signal.SIGSTOP)
    process = _start(config, "through", _OUTAGE_MESSAGES, seconds)
    _slow(pid, process, seconds) if kind == "slow" else _gone(pid, services, seconds)
    result = _result(process)
    console.print(
        f"Kafka {kind}: at most {result['most']:,} messages unacknowledged (bound {result['bound']:,}), peak "
        f"{result['peak_mb']:.0f} MB; {result['messages']:,} of {_OUTAGE_MESSAGES:,} confirmed afterwards"
    )
    return result


def _slow(pid: int, process: "subprocess.Popen[str]", seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(_PULSE_S)
        os.kill(pid, signal.SIGCONT)
        time.sleep(_PULSE_S / 10)


def _gone(pid: int, services: Services, seconds: float) -> None:
    time.sleep(seconds / 2)
    os.kill(pid, signal.SIGKILL)
    time.sleep(seconds / 2)
    services.restart("kafka", note=lambda _line: None)


def _fill(config: Path, count: int) -> None:
    _stage(config, "open", 0, 0)
    halves = [_start(config, "fill", count // 2, 0) for _ in range(2)]
    for half in halves:
        _result(half)


def _stage(config: Path, stage: str, count: int, seconds: float) -> Result:
    return _result(_start(config, stage, count, seconds))


def _start(config: Path, stage: str, count: int, seconds: float) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-m", "chargewell.bench.bridge_stage", stage, CLIENT, str(count), str(seconds)]
    return subprocess.Popen(  # noqa: S603 - our own module
        arguments,
        env=os.environ | {CONFIG_VARIABLE: str(config)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _result(process: "subprocess.Popen[str]") -> Result:
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"stage {process.args!r} failed:\n{said[-2_000:]}")
    result: Result = json.loads(said.splitlines()[-1])
    return result


def _show(results: dict[str, list[Result]], console: Console) -> float:
    """Print the table; the ratio of medians."""
    rates = {reader: [r["messages"] / r["seconds"] for r in runs] for reader, runs in results.items()}
    table = Table(title="Messages a second out of a persistent session, QoS 1, 200 bytes, MQTT 3.1.1")
    for name in ("reader", "messages/s", "spread", "CPU us a message", "most unacknowledged"):
        table.add_column(name, justify="left" if name == "reader" else "right")
    for reader, runs in results.items():
        cpu = statistics.median(r["cpu_s"] / r["messages"] for r in runs) * 1e6
        table.add_row(
            reader, f"{statistics.median(rates[reader]):,.0f}",
            f"{min(rates[reader]):,.0f} to {max(rates[reader]):,.0f}", f"{cpu:.1f}",
            f"{max(r['most'] for r in runs):,}" if reader == "bridge" else "-",
        )  # fmt: skip
    console.print(table)
    return float(statistics.median(rates["bridge"]) / statistics.median(rates["paho"]))
