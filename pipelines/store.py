"""The flow `store`: telemetry into reading, reading_other, event, reject and reading_1m."""

from bytewax.operators import KeyedStream

from models.columns import Batch
from models.store import Store
from pipelines.derive import Outlets, derive


def store(telemetry: KeyedStream[Batch], outlets: Outlets) -> None:
    """Write every line once, and minutes as they end; the operator is `models.store.Store`."""
    derive("store", telemetry, lambda _shard: Store(), outlets)
