"""One stage of the chain benchmark in a process of its own: run a flow up to given offsets, say how long and how much.

``python -m chargewell.bench.stage STAGE FOLDER`` under CHARGEWELL_CONFIG; FOLDER/load.json holds the end offsets. Prints
JSON: seconds from the start of the flow to its end, CPU seconds, peak memory, bytes of state a port.
"""

import json
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from bytewax.dataflow import Dataflow

from chargewell.bench import rivals
from chargewell.bench.load import PORTS
from chargewell.flows import normalising, outlets
from chargewell.settings import Settings, load
from connectors.bytewax_io import run_flow
from connectors.kafka import read_span
from pipelines.anomaly import anomaly
from pipelines.derive import telemetry
from pipelines.fused import fused
from pipelines.normalise import normalised, publish
from pipelines.store import store

Ends = dict[int, int]


def _consume(settings: Settings, until: Ends) -> int:
    """The bare limit: a loop over Kafka messages that does nothing."""
    kafka = settings.kafka
    return sum(len(m) for p, end in until.items() for m in read_span(kafka, kafka.topics.raw, p, 0, end))


def _normalise(settings: Settings, until: Ends) -> Dataflow:
    flow = Dataflow("normalise")
    batches, rejects = normalised(flow, settings.kafka, normalising(settings), group="bench", until=until)
    publish(batches, rejects, settings.kafka)
    return flow


def _derived(name: str, make: Callable[..., None]) -> Callable[[Settings, Ends], Dataflow]:
    def build(settings: Settings, until: Ends) -> Dataflow:
        flow = Dataflow(name)
        make(telemetry(flow, settings.kafka, group=name, until=until), outlets(settings, seeded=False))
        return flow

    return build


def _fused(settings: Settings, until: Ends) -> Dataflow:
    """What the rivals do: normalise, store and anomaly in one process."""
    flow = Dataflow("fused")
    batches, rejects = normalised(flow, settings.kafka, normalising(settings), group="bench", until=until)
    publish(batches, rejects, settings.kafka)
    wired = outlets(settings, seeded=False)
    store(batches, wired)
    anomaly(batches, wired)
    return flow


def _all(settings: Settings, until: Ends) -> Dataflow:
    return fused(settings.kafka, normalising(settings), outlets(settings, seeded=False), until=until)


def _rival(make: Callable[..., Dataflow]) -> Callable[[Settings, Ends], Dataflow]:
    def build(settings: Settings, until: Ends) -> Dataflow:
        return make(settings.kafka, until, settings.database.dsn, settings.database.namespace)

    return build


FLOWS: Final[dict[str, Callable[[Settings, Ends], Dataflow]]] = {
    "normalise": _normalise,
    "store": _derived("store", store),
    "anomaly": _derived("anomaly", anomaly),
    "fused": _fused,
    "all": _all,
    "idiomatic": _rival(rivals.idiomatic),
    "best_per_item": _rival(rivals.best_per_item),
}
FROM_TELEMETRY: Final = ("store", "anomaly")


def main(stage: str, folder: Path) -> dict[str, Any]:
    """Run `stage`; recovery is on, with epochs as set."""
    settings = load()
    name = "telemetry" if stage in FROM_TELEMETRY else "raw"
    until = {int(p): end for p, end in json.loads((folder / "load.json").read_text())[name].items()}
    flow = None if stage == "consume" else FLOWS[stage](settings, until)
    recovery = folder / "recovery" / f"{stage}-{time.time_ns()}"
    cpu, began = time.process_time(), time.monotonic()
    if flow is None:
        _consume(settings, until)
    else:
        run_flow(flow, recovery, epoch_interval_s=settings.flows.epoch_s)
    return {
        "seconds": time.monotonic() - began,
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bytes_a_port": state_bytes(recovery) / PORTS,
    }


def state_bytes(recovery: Path) -> int:
    """Bytes of the newest state of every step and key in a recovery store; 0 where there is none."""
    newest = "SELECT length(ser_change), max(snap_epoch) FROM snaps GROUP BY step_id, state_key"
    found = 0
    for file in recovery.glob("store/*.sqlite3"):
        with closing(sqlite3.connect(file)) as store:
            found += sum(size or 0 for size, _ in store.execute(newest))
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], Path(sys.argv[2]))) + "\n")
