"""The flow `sessions`: telemetry into charging_session, and alerts of sessions that a fault cut short."""

from bytewax.operators import KeyedStream

from models.columns import Batch
from models.sessions import Sessions
from pipelines.derive import Outlets, derive


def sessions(telemetry: KeyedStream[Batch], outlets: Outlets) -> None:
    """Assemble charging sessions; the operator is `models.sessions.Sessions`."""
    derive("sessions", telemetry, lambda _shard: Sessions(outlets.facts), outlets)
