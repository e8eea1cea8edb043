"""One recording, played calm and played torn; the tables of both must be equal row for row."""

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import psycopg
from pydantic import SecretStr

from chargewell.deployment import prepare
from chargewell.flows import DERIVED
from chargewell.health import behind, log_ends
from chargewell.processes import Processes, wait_until
from chargewell.replay import play
from chargewell.services import Services, ServiceSettings, start_all
from chargewell.settings import FlowSettings, Settings, load, write
from chargewell.torture.killer import Killer
from chargewell.torture.markers import marking
from chargewell.torture.recorded import Recorded
from chargewell.torture.tables import TABLES, Difference, Rows, differences, rows
from chargewell.up import start
from chargewell.wiring import at_services
from connectors.kafka import KafkaError, lag
from connectors.timescale import registry
from connectors.timescale.pool import connect
from control.intake import GROUP
from simulator.recording import Line, read

TORTURE_KEY: Final = SecretStr("the same ids in both runs")
_HOUR_S: Final = 3_600.0
_AFTER_US: Final = 2_000_000
"""Log time goes on for so long after the last message of a recording, so that what is due by then is told in both plays."""
_BEATS_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Ordeal:
    """How a run is disturbed: kills of each process of ours, kills of Kafka and of the database each."""

    of_ours: int = 20
    of_services: int = 5


@dataclass(frozen=True, slots=True)
class Torn:
    """What came of it: differences (none is the promise), the kills done, rows compared."""

    differences: list[Difference]
    kills: dict[str, int]
    compared: dict[str, int]


def torture(
    recorded: Recorded,
    ordeal: Ordeal,
    *,
    speed: float,
    services: ServiceSettings,
    seed: int = 1,
    note: Callable[[str], None] = print,
) -> Torn:
    """Play the recording twice at `speed` on services of its own, the second time under `ordeal`; compare.

    Data lie in a temporary folder. Raises what keeps the chain from coming to its end, with the last lines of the log.
    """
    with tempfile.TemporaryDirectory(prefix="chargewell-torture-") as folder:
        note("the calm play")
        calm, _ = _one(Path(folder) / "calm", recorded, None, speed, services, seed, note)
        note("the torn play")
        torn, kills = _one(Path(folder) / "torn", recorded, ordeal, speed, services, seed, note)
    return Torn(differences(calm, torn), kills, {table: found.total() for table, found in calm.items()})


def _one(
    folder: Path, recorded: Recorded, ordeal: Ordeal | None, speed: float, wanted: ServiceSettings, seed: int,
    note: Callable[[str], None],
) -> tuple[dict[str, Rows], dict[str, int]]:  # fmt: skip
    messages = list(read(recorded.path))
    with start_all(folder / "services", wanted, note=note) as services:
        settings = _settings(services, folder, wanted)
        prepare(settings)
        with connect(settings.database) as conn:
            registry.store(conn, recorded.registry)
        write(settings, folder / "settings.toml")
        processes = Processes(folder / "settings.toml", folder / "logs", note=note, forgiving=ordeal is not None)
        try:
            start(settings, processes)
            with marking(settings.mqtt, settings.kafka) as mark:
                _watch_until(mark(messages[0].at), processes, "the bridge to subscribe and deliver", 120.0)
                killer = _killer(ordeal, processes, services, messages, speed, seed, note)
                _play_watched(messages, settings, speed, processes)
                if killer is not None:
                    _watch_until(lambda: not killer.running, processes, "the kills", 600.0)
                    killer.join()
                _watch_until(mark(messages[-1].at + _AFTER_US), processes, "the bridge to deliver everything", 300.0)
            _drained(settings, processes)
            with connect(settings.database) as conn:
                return {table: rows(conn, table) for table in TABLES}, killer.kills if killer is not None else {}
        finally:
            processes.stop()


def _settings(services: Services, folder: Path, wanted: ServiceSettings) -> Settings:
    """Flows apart, so that each is a process to kill; short epochs; log time from the recording; remedies never time out; a little
    goodwill, so that a session that was cut gets a credit also where no session fee is charged."""
    flows = FlowSettings(layout="apart", epoch_s=1.0, flush_s=0.2, token_key=TORTURE_KEY)
    base = load(services=wanted, flows=flows)
    settings = at_services(base, services, data_dir=folder / "data")
    mqtt = settings.mqtt.model_copy(update={"trust_publisher_time": True})
    control = settings.control.model_copy(
        update={
            "port": 0,
            "verify_after_s": 24 * _HOUR_S,
            "busy_retry_s": 24 * _HOUR_S,
            "history_after_s": 1_000 * _HOUR_S,
            "goodwill_percent": Decimal(10),
        }
    )
    return settings.model_copy(update={"mqtt": mqtt, "control": control})


def _killer(
    ordeal: Ordeal | None, processes: Processes, services: Services, messages: list[Line], speed: float, seed: int,
    note: Callable[[str], None],
) -> Killer | None:  # fmt: skip
    if ordeal is None:
        return None
    seconds = (messages[-1].at - messages[0].at) / 1e6 / speed
    killer = Killer(processes, services, ordeal.of_ours, ordeal.of_services, for_s=seconds, seed=seed, note=note)
    killer.start()
    return killer


def _play_watched(messages: list[Line], settings: Settings, speed: float, processes: Processes) -> None:
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play, messages, settings.mqtt, speed=speed)
        while not playing.done():
            processes.watch()
            time.sleep(0.1)
        playing.result()


def _drained(settings: Settings, processes: Processes) -> None:
    """Return once every flow stored what is in the log, with the newest heartbeat of each partition, and control took every alert."""
    kafka = settings.kafka
    _sleep_watched(_BEATS_S, processes)
    due = log_ends(settings)
    _watch_until(lambda: not behind(settings, due, DERIVED), processes, "the flows to store everything", 300.0)
    _sleep_watched(3 * settings.flows.epoch_s, processes)
    _watch_until(
        lambda: not any(lag(kafka, GROUP, kafka.topics.alerts).values()), processes, "control to take all alerts", 120.0
    )


def _sleep_watched(seconds: float, processes: Processes) -> None:
    wait_until(lambda: False, seconds, [processes])


def _watch_until(ready: Callable[[], bool], processes: Processes, what: str, seconds: float) -> None:
    patient = _Patient(ready)
    if not wait_until(patient, seconds, [processes], step_s=0.5):
        tails = "\n".join(f"{m.name}: {m.child.log_tail(5) if m.child else ''}" for m in processes.all)
        raise TimeoutError(f"waited {seconds:.0f} s for {what}{patient.trouble}; the processes last said:\n{tails}")


class _Patient:
    """A question, where a service that is just being started again counts as no; the last trouble is kept for the message."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready
        self.trouble = ""

    def __call__(self) -> bool:
        try:
            return self._ready()
        except (KafkaError, psycopg.OperationalError) as error:
            self.trouble = f" (last trouble: {error})"
            return False
