"""The demo from services to account, one step after the other."""

import secrets
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from pydantic import AnyHttpUrl, SecretStr
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from chargewell.demo.past import Past, enter_registry, write_past
from chargewell.demo.present import Present, live
from chargewell.demo.summary import show
from chargewell.deployment import prepare
from chargewell.services import Services, start_all
from chargewell.services.folder import FolderLock
from chargewell.services.ports import free_port
from chargewell.settings import Settings, write
from chargewell.wiring import at_services
from simulator.history import History
from simulator.run import world_of
from simulator.script import Script

_DAY_US: Final = 86_400_000_000
_MINUTE_US: Final = 60_000_000


def run(settings: Settings, *, seconds: float, days: int, seed: int, keep: bool, console: Console) -> int:
    """Run the demo; 0 if it kept its promises (`demo.summary.Account.broken`), else 1.

    Everything lies under `data_dir`/demo, which a new demo empties first unless `keep`. SIGINT and SIGTERM end it cleanly.
    """
    folder = (settings.data_dir / "demo").resolve()
    with _ending() as ended:
        lock = FolderLock(folder, "a demo")
        try:
            if not keep:
                _empty(folder)
            with start_all(folder / "services", settings.services, note=console.print) as services:
                _introduce(services, console)
                mine = _settings(settings, services, folder, seed)
                return _with_services(mine, folder, seconds, days, console, ended)
        finally:
            lock.release()


def _with_services(
    settings: Settings, folder: Path, seconds: float, days: int, console: Console, ended: threading.Event
) -> int:
    for line in prepare(settings):
        console.print(line)
    past = _write_past(settings, days, console)
    console.print(
        f"history: {past.readings:,} readings and {past.events:,} events in {past.seconds:.0f} s, simulated; "
        f"{past.alerts} alerts in {days} days, in which one part was wearing out"
    )
    if ended.is_set():
        return 1
    write(settings, folder / "settings.toml")
    account = live(Present(settings, folder, seconds, console), ended)
    show(account, console)
    return 1 if account.broken() else 0


def _write_past(settings: Settings, days: int, console: Console) -> Past:
    simulator = settings.simulator
    world = world_of(simulator)
    end_us = time.time_ns() // 1_000 // _MINUTE_US * _MINUTE_US
    start_us = end_us - days * _DAY_US
    ports = enter_registry(settings, world, start_us)
    console.print(f"registry: {simulator.stations} simulated stations, {ports} ports")
    script = Script(world.fleet, seed=simulator.seed)
    history = History(
        world, start_us, end_us, settings.kafka.partitions, placed=script.visits(end_us), faults=script.worn(end_us)
    )
    expected = ports * days * 1_780
    columns = (
        TextColumn("writing {task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(f"{days} days of history", total=expected)
        past = write_past(settings, history, lambda done: bar.update(task, completed=done))
    assert simulator.state is not None  # noqa: S101 - set in _settings
    history.moment.save(simulator.state, world)
    return past


def _settings(settings: Settings, services: Services, folder: Path, seed: int) -> Settings:
    """The services' addresses, a free port for the pages, secrets of this demo alone."""
    mine = at_services(settings, services, data_dir=folder / "data")
    port = free_port()
    control = mine.control.model_copy(
        update={
            "port": port,
            "public_url": AnyHttpUrl(f"http://127.0.0.1:{port}"),
            "network_name": "Demo network (simulated)",
        }
    )
    flows = mine.flows.model_copy(update={"token_key": SecretStr(secrets.token_urlsafe(32))})
    simulator = mine.simulator.model_copy(
        update={"seed": seed, "ledger": folder / "ledger.jsonl", "state": folder / "state.json"}
    )
    return mine.model_copy(update={"control": control, "flows": flows, "simulator": simulator})


def _introduce(services: Services, console: Console) -> None:
    for kind, choice in services.choices.items():
        console.print(
            f"{kind}: {choice.provider.version()} ({choice.provider.origin}): {choice.reason}", highlight=False
        )


def _empty(folder: Path) -> None:
    """Take away what an earlier demo left; the lock of this one stays."""
    for part in folder.iterdir():
        if part.is_dir():
            shutil.rmtree(part)
        elif part.name in ("ledger.jsonl", "state.json", "settings.toml"):
            part.unlink()


@contextmanager
def _ending() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, so that everything is ended in order."""
    ended = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {
        number: signal.signal(number, end) for number in numbers
    }
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
