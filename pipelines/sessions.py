"""The flow `sessions`: charging sessions from telemetry into `charging_session`, sessions cut by a fault to `ev.alerts`."""

from bytewax.operators import KeyedStream

from models.columns import Batch
from models.sessions import Sessions
from pipelines.derive import Outlets, derive


def sessions(telemetry: KeyedStream[Batch], outlets: Outlets) -> None:
    """Attach the flow to `telemetry` (keyed by shard, in order)."""
    derive(Sessions.name, telemetry, lambda _shard: Sessions(outlets.facts), outlets)
