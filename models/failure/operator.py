"""The operator `failure`: when an hour of log time is over, ask for the outlook of the shard's ports; rows and alerts out.

What the hour showed, and what the models say of it, is worked out beside the flow (`Outlook`): the operator looks at no reading,
so a flow is not slower for it. It keeps the last hour that was told and the risks that are above their level.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from models.columns import Batch
from models.failure.foretell import Risks
from models.failure.hours import HOUR_US
from models.failure.warnings import Warnings
from models.operator import Outputs, Upsert, Write

GRACE_US: Final = 180_000_000
"""How long after an hour's end its last lines may come."""


@dataclass
class Foretold:
    """The outlook at the end of an hour: rows of `port_hour` that lacked, and what each model says."""

    until_us: int
    rows: list[Write]
    risks: list[Risks]


class Outlook(Protocol):
    """Works out outlooks beside the flow."""

    def ask(self, shard: str, until_us: int, origin: int) -> None:
        """Begin with the outlook of a shard at `until_us`, a whole hour; `origin` is the raw offset at which the hour was
        over: what came before must be stored first."""
        ...

    def answer(self, shard: str) -> Foretold | None:
        """The outlook that was asked for, once it is there."""
        ...

    def busy(self, shard: str) -> bool:
        """Whether one was asked for and neither told nor given up."""
        ...


class FailureOperator:
    """Tells the risks of one shard hour by hour. The first outlook is asked for at once, so a flow that was away catches up.

    When rows come does not depend on how batches are cut, but on when the outlook is ready; what they say depends on the tables
    alone. State: the last hour, and the open risks.
    """

    name = "failure"
    version = 1
    memory_days = 0.0

    def __init__(self, shard: str, outlook: Outlook) -> None:
        self._shard, self._outlook = shard, outlook
        self._told = -1
        self._warnings = Warnings(self.name, str(self.version))

    def on_batch(self, batch: Batch) -> Outputs:
        """Look at the time; take an outlook that is ready."""
        return self._look(batch.now, batch.last)

    def on_time(self, now: int) -> Outputs:
        """Nothing beyond `on_batch`, which a heartbeat comes with."""
        return Outputs()

    def _look(self, now: int, origin: int) -> Outputs:
        out = Outputs()
        found = self._outlook.answer(self._shard)
        if found is not None and found.until_us > self._told:
            self._told = found.until_us
            out.writes += found.rows
            for risks in found.risks:
                out.writes.append(rows_of(risks))
                if not risks.shadow:
                    out.alerts += self._warnings.take(risks, found.until_us, now)
        until = (now - GRACE_US) // HOUR_US * HOUR_US
        if until > max(self._told, 0) and not self._outlook.busy(self._shard):
            self._outlook.ask(self._shard, until, origin)
        return out

    def snapshot(self) -> dict[str, Any]:
        """The last hour that was told and the open risks."""
        return {"v": 1, "told": self._told, "open": self._warnings.snapshot()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up a snapshot; ValueError for another version."""
        if state.get("v") != 1:
            raise ValueError(
                f"failure snapshot has version {state.get('v')!r}, this reads 1: run the flow with --rebuild"
            )
        self._told = int(state["told"])
        self._warnings.restore(state["open"])


def rows_of(risks: Risks) -> Upsert:
    """Risks as rows of `failure_risk`."""
    n = len(risks.at)
    return Upsert(
        "failure_risk", ("at", "family", "model_version"), risks.ports, risks.port,
        {
            "at": risks.at, "p_24h": risks.within[:, 0], "p_7d": risks.within[:, 1], "p_30d": risks.within[:, 2],
            "family": risks.family, "model_version": [risks.version] * n, "shadow": np.full(n, risks.shadow),
            "reasons": list(risks.reasons), "expected_lead_s": risks.lead_s,
        },
    )  # fmt: skip
