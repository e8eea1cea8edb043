"""The flow `anomaly`: telemetry in, scores per port-minute into the database, alerts onto `ev.alerts`."""

from bytewax.operators import KeyedStream

from models.anomaly.operator import AnomalyOperator, AnomalySettings
from models.columns import Batch
from pipelines.derive import Outlets, derive


def anomaly(telemetry: KeyedStream[Batch], outlets: Outlets, settings: AnomalySettings | None = None) -> None:
    """Run the anomaly operator over `telemetry`."""
    derive("anomaly", telemetry, lambda _shard: AnomalyOperator(outlets.facts, settings), outlets)
