"""Flows made from settings: which operators, which sinks, which seeds, and how a state is made anew."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog
from bytewax.dataflow import Dataflow

from chargewell.prediction.outlook import DatabaseOutlook
from chargewell.rebuild import rebuild as make_anew
from chargewell.settings import Settings
from connectors.bytewax_io import AlertSink, DatabaseSink, forget
from connectors.bytewax_io import run_flow as run_dataflow
from connectors.timescale.pool import connect
from connectors.timescale.registry import facts
from connectors.timescale.sink import Writer
from connectors.timescale.snapshots import load
from pipelines import Seed
from pipelines.anomaly import anomaly
from pipelines.derive import Outlets, telemetry
from pipelines.failure import failure
from pipelines.fused import fused
from pipelines.normalise import Normalising, normalised, publish
from pipelines.sessions import sessions
from pipelines.store import store
from pipelines.uptime import uptime

log = structlog.get_logger(__name__)

DERIVED: Final[Mapping[str, Callable[..., None]]] = {
    "store": store,
    "sessions": sessions,
    "uptime": uptime,
    "anomaly": anomaly,
    "failure": failure,
}
"""Flows from `ev.telemetry`, by name; each runs the operator of its name."""
NAMES: Final = ("normalise", *DERIVED, "all")


class UnknownFlowError(ValueError):
    """No flow has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no flow is named {name!r}: use one of {', '.join(NAMES)}")


def recovery_dir(settings: Settings, name: str) -> Path:
    """Where the flow `name` keeps its state; belongs to the deployment's data folder."""
    return settings.data_dir / "recovery" / name


def outlets(settings: Settings, *, seeded: bool = True) -> Outlets:
    """Sinks of this deployment, what the registry says of the ports, and seeds from the database (unless not `seeded`)."""
    with connect(settings.database, application="chargewell flows") as conn:
        known = facts(conn)
        seeds = {name: load(conn, name, name) for name in DERIVED} if seeded else {}
    return Outlets(
        rows=lambda name: DatabaseSink(
            lambda: Writer(settings.database, name), settings.kafka.partitions, flush_s=settings.flows.flush_s
        ),
        alerts=lambda name: AlertSink(settings.kafka, name=name),
        seed=lambda name: _seed(seeds.get(name, {})),
        facts=known,
        outlook=DatabaseOutlook(settings.database, settings.kafka.partitions),
    )


def _seed(states: Mapping[str, Mapping[str, Any]]) -> Seed | None:
    return states.get if states else None


def build(settings: Settings, name: str, starts: Mapping[int, int] | None = None) -> Dataflow:
    """The dataflow `name`, ready to run. UnknownFlowError for a name that is none.

    `starts` (partition -> raw offset) is where a flow that reads `ev.raw` begins without a recovery store.
    """
    kafka = settings.kafka
    if name == "normalise":
        flow = Dataflow("normalise")
        batches, rejects = normalised(flow, kafka, normalising(settings), group="normalise", starts=starts)
        publish(batches, rejects, kafka)
        return flow
    if name == "all":
        return fused(kafka, normalising(settings), outlets(settings), starts=starts)
    if name not in DERIVED:
        raise UnknownFlowError(name)
    flow = Dataflow(name)
    DERIVED[name](telemetry(flow, kafka, group=name), outlets(settings))
    return flow


def normalising(settings: Settings) -> Normalising:
    """What normalise is told: the key for ids, limits, and topics beyond our own."""
    flows = settings.flows
    return Normalising(flows.token_key.get_secret_value().encode(), flows.limits, flows.bindings)


def run(settings: Settings, name: str, *, rebuild: bool = False) -> None:
    """Run the flow `name` until it is asked to stop. With `rebuild` its state is first made anew from the database."""
    if name not in NAMES:
        raise UnknownFlowError(name)
    folder = recovery_dir(settings, name)
    starts = None
    if rebuild:
        made = make_anew(settings, tuple(DERIVED) if name == "all" else (name,))
        starts = made if name in ("all", "normalise") else None
        forget(folder)
    log.info("flow starts", flow=name, recovery=str(folder))
    run_dataflow(
        build(settings, name, starts), folder, epoch_interval_s=settings.flows.epoch_s, workers=settings.flows.workers
    )
