"""The flow `uptime`: availability and uptime from telemetry into their tables, silence and faults told to `ev.alerts`."""

from bytewax.operators import KeyedStream

from models.columns import Batch
from models.uptime import Uptime
from pipelines.derive import Outlets, derive


def uptime(telemetry: KeyedStream[Batch], outlets: Outlets) -> None:
    """Attach the flow to `telemetry` (keyed by shard, in order)."""
    derive(Uptime.name, telemetry, lambda _shard: Uptime(outlets.facts), outlets)
