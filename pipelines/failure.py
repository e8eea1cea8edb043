"""The flow `failure`: telemetry tells the time; at the end of each hour risks go into the database, those above their level
onto `ev.alerts`."""

from bytewax.operators import KeyedStream

from models.columns import Batch
from models.failure.operator import FailureOperator
from pipelines.derive import Outlets, derive


class NoOutlookError(RuntimeError):
    """The flow was wired without anything that could tell a risk."""


def failure(telemetry: KeyedStream[Batch], outlets: Outlets) -> None:
    """Run the failure operator over `telemetry`. NoOutlookError where `outlets` have no outlook."""
    outlook = outlets.outlook
    if outlook is None:
        raise NoOutlookError("the flow `failure` needs Outlets(outlook=...): chargewell.prediction.outlook has one")
    given = outlook
    derive("failure", telemetry, lambda shard: FailureOperator(shard, given), outlets)
