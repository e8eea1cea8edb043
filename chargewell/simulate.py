"""The command `simulate`: a live simulated network, or real charging sessions from a file."""

import time
from pathlib import Path

from rich.console import Console

from chargewell.replay import play
from chargewell.settings import Settings
from connectors.stopping import stop_on_signals, stopping
from simulator.run import run_live, world_of
from simulator.script import Script
from simulator.sessions_file import messages_of, read_sessions

_NEWCOMERS_S = 120.0


def run(settings: Settings, *, seconds: float, script: bool, console: Console) -> None:
    """Be the network of `settings.simulator` until stopped or for `seconds`; with `script` the demo's faults happen."""
    simulator = settings.simulator
    world = world_of(simulator)
    now_us = time.time_ns() // 1_000
    cast = Script(world.fleet, seed=simulator.seed) if script else None
    faults = cast.faults(now_us) if cast else []
    placed = cast.newcomers(now_us, _NEWCOMERS_S) if cast else []
    console.print(
        f"{simulator.stations} simulated stations speak to {settings.mqtt.shown}; all of their data are simulated"
    )
    with stop_on_signals():
        report = run_live(
            simulator, settings.mqtt, world=world, faults=faults, placed=placed, seconds=seconds, stop=stopping
        )
    console.print(f"{report.said:,} messages said, {report.unacknowledged:,} not acknowledged")


def play_sessions(settings: Settings, file: Path, *, speed: float, console: Console) -> None:
    """Play the real charging sessions of `file`; those without an end, or with odd times, are named."""
    real = read_sessions(file)
    sent = play(messages_of(real), settings.mqtt, speed=speed)
    console.print(
        f"{len(real.sessions):,} sessions, {real.energy_wh / 1e6:.1f} MWh, as {sent:,} messages that were acknowledged"
    )
    for name, ids in (
        ("have no disconnect time and were played with an open end", real.open),
        ("have odd times", real.odd),
    ):
        if ids:
            console.print(f"{len(ids)} {name}: {', '.join(ids)}", markup=False, highlight=False)
