"""A live network against the clock: simulate each second as it is over, say each message when its time has come, hear commands."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from connectors.mqtt import MqttSettings
from schemas.labels import Label
from simulator.arrivals import Visit
from simulator.faults import Fault
from simulator.fleet import generate
from simulator.ledger import Ledger
from simulator.live import LiveFleet
from simulator.outbox import Out, Said
from simulator.ports import US
from simulator.reporter import Pace
from simulator.settings import SimulatorSettings
from simulator.wire import Wires
from simulator.world import Moment, World

_LATEST_S = 5.0


@dataclass
class Report:
    """What a live run came to: messages said and left unacknowledged, and what was wrong in truth."""

    said: int = 0
    unacknowledged: int = 0
    labels: list[Label] = field(default_factory=list)


def world_of(settings: SimulatorSettings) -> World:
    """The world of `settings`: the same for its history, its registry and its live run."""
    return World(generate(settings.stations, settings.seed, settings.heartbeat_s), seed=settings.seed)


def moment_of(settings: SimulatorSettings, world: World, now_us: int) -> Moment:
    """The state from the file of `settings` if there is one that is not ahead of `now_us`, else a cold start a minute ago."""
    if settings.state is not None and settings.state.exists():
        found = Moment.load(settings.state, world)
        if found.at_us <= now_us:
            return found
    return Moment.fresh(world, now_us // (60 * US) * (60 * US) - 60 * US)


def run_live(
    settings: SimulatorSettings, mqtt: MqttSettings, *, world: World | None = None, moment: Moment | None = None,
    faults: Sequence[Fault] = (), placed: Sequence[Visit] = (), seconds: float = 0.0,
    stop: Callable[[], bool] = lambda: False, on_second: Callable[[LiveFleet, Wires], None] | None = None,
) -> Report:  # fmt: skip
    """Be the network until `stop()` or for `seconds` (0: until stopped); flush, save the state, write the labels.

    `moment` is where it goes on from (default: the state file, else a cold start); what happened since is said at once,
    with its own times. `on_second` is called about once a second, for a display.
    """
    world = world or world_of(settings)
    begin_us = time.time_ns() // 1000
    moment = moment or moment_of(settings, world, begin_us)
    pace = Pace(settings.charging_s, settings.idle_s, settings.late_s)
    live = LiveFleet(world, moment, faults, placed, pace, live_from_us=begin_us)
    ledger = Ledger(settings.ledger) if settings.ledger is not None else None
    wires = Wires(settings, mqtt, [s.station for s in world.fleet.stations], live.hear, ledger)
    report = Report()
    try:
        if ledger is not None:
            ledger.labels(live.faults.labels())
        wires.open()
        until_us = begin_us + int(seconds * US) if seconds else None
        _drive(live, wires, report, until_us, stop, on_second)
        report.unacknowledged = wires.flush(_LATEST_S)
    finally:
        wires.close()
        report.labels = live.faults.labels()
        if ledger is not None:
            ledger.labels(report.labels)
            ledger.close()
    if settings.state is not None:
        live.save_to().save(settings.state, world)
    return report


def _drive(
    live: LiveFleet, wires: Wires, report: Report, until_us: int | None, stop: Callable[[], bool],
    on_second: Callable[[LiveFleet, Wires], None] | None,
) -> None:  # fmt: skip
    ahead: deque[Out] = deque()
    while not stop():
        now_us = time.time_ns() // 1000
        if until_us is not None and now_us >= until_us:
            return
        if live.now + US <= now_us:
            ahead.extend(sorted(live.advance(now_us), key=lambda item: item.at_us))
            if on_second is not None:
                on_second(live, wires)
        due: list[Out] = []
        while ahead and ahead[0].at_us <= now_us:
            due.append(ahead.popleft())
        if due:
            wires.send(due)
            report.said += sum(isinstance(item, Said) for item in due)
        wires.step()
