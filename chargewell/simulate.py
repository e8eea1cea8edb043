"""The command `simulate`: a live simulated network, or real charging sessions from a file."""

import time
from pathlib import Path

from rich.console import Console

from chargewell.settings import Settings
from connectors.stopping import stop_on_signals, stopping
from simulator.run import run_live, world_of
from simulator.script import Script


def run(settings: Settings, *, seconds: float, script: bool, console: Console) -> None:
    """Be the network of `settings.simulator` until stopped or for `seconds`; with `script` the demo's faults happen."""
    simulator = settings.simulator
    world = world_of(simulator)
    faults = Script(world.fleet, seed=simulator.seed).faults(time.time_ns() // 1_000) if script else []
    console.print(
        f"{simulator.stations} simulated stations speak to {settings.mqtt.shown}; all of their data are simulated"
    )
    with stop_on_signals():
        report = run_live(simulator, settings.mqtt, world=world, faults=faults, seconds=seconds, stop=stopping)
    console.print(f"{report.said:,} messages said, {report.unacknowledged:,} not acknowledged")


def play_sessions(settings: Settings, file: Path, *, speed: float, console: Console) -> None:
    """Play the real charging sessions of `file`; those without an end are named."""
    from chargewell.replay import play
    from simulator.sessions_file import messages_of, read_sessions

    sessions = read_sessions(file)
    lines = messages_of(sessions)
    sent = play(lines, settings.mqtt, speed=speed)
    console.print(f"{len(sessions.sessions):,} sessions as {sent:,} messages were acknowledged")
    for session in sessions.open:
        console.print(f"no disconnect time, played with an open end: {session}", markup=False)
