"""Credits: what a driver gets back for a session that a charger's fault cut short, and why, in words.

Rule `fault_midsession`: the session fee is waived, energy stays billed as metered, goodwill on top if the operator grants
it. The corrected bill is computed like any bill (one rounding per total, tax on the corrected net), and the credit is the
difference, so it is never more than was charged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from control.rules.words import duration, place
from schemas.alerts import Alert
from schemas.faults import FaultFamily
from schemas.money import Amount, Money, Prices, Usage, charge, with_tax

RULE: Final = "fault_midsession"
VERSION: Final = 1
_NOT_OURS: Final = frozenset({"user", "vehicle"})
_PERCENT: Final = Decimal(100)


class Cut(BaseModel):
    """The evidence of a `session_cut` alert."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_key: Annotated[str, Field(min_length=1, max_length=200)]
    started_at: AwareDatetime
    ended_at: AwareDatetime
    stop_reason: str | None = None
    energy_wh: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None

    @property
    def lasted(self) -> timedelta:
        """From start to end; never negative."""
        return max(self.ended_at - self.started_at, timedelta())

    @property
    def usage(self) -> Usage:
        """What is billed: energy as metered (nothing where no figure is known) and the time from start to end."""
        minutes = Decimal(str(self.lasted.total_seconds())) / 60
        return Usage(Decimal(str(self.energy_wh or 0)), minutes)


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's part of it: goodwill in percent of what stays billed; gross credit approved without a person."""

    goodwill_percent: Decimal = Decimal(0)
    approve_up_to: Mapping[str, Decimal] | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A credit: how much of what was charged, whether it needs no person, and why."""

    amount: Amount
    charged: Amount
    approved: bool
    reason: str


def entitled(alert: Alert, family: FaultFamily) -> bool:
    """Whether the driver of this alert's session gets something: it was cut, and neither by the user nor by the vehicle.

    A cleared alert takes back what it said: the session was not cut by the charger after all.
    """
    return alert.kind == "session_cut" and alert.state != "cleared" and family.party not in _NOT_OURS


def propose(cut: Cut, port: str, prices: Prices, policy: Policy, already: Amount) -> Proposal | None:
    """The credit for `cut`; None where nothing is left to give back. `already` is what its session was credited before."""
    charged = charge(prices, cut.usage)
    kept = charge(prices.without_session_fee(), cut.usage)
    goodwill = Money.of(kept.net.major * policy.goodwill_percent / _PERCENT, prices.currency)
    due = charged - with_tax(kept.net - goodwill, prices.tax_percent)
    amount = _at_most(due, charged - already)
    if amount.gross.minor == 0:
        return None
    limit = (policy.approve_up_to or {}).get(prices.currency)
    approved = limit is not None and amount.gross <= Money.of(limit, prices.currency)
    return Proposal(amount, charged, approved, _words(cut, port, prices, charged, amount, goodwill))


def _at_most(due: Amount, room: Amount) -> Amount:
    net = Money(max(0, min(due.net.minor, room.net.minor)), due.net.currency)
    return Amount(net, Money(max(0, min(due.tax.minor, room.tax.minor)), due.tax.currency))


def _words(cut: Cut, port: str, prices: Prices, charged: Amount, amount: Amount, goodwill: Money) -> str:
    energy = "an amount of energy that is not known" if cut.energy_wh is None else f"{cut.energy_wh / 1000:.2f} kWh"
    ended = "" if cut.stop_reason in (None, "other") else f" ({cut.stop_reason.replace('_', ' ')})"
    parts = [
        f"The charging session of {_moment(cut.started_at)} at {place(port)} was cut short by a fault{ended} "
        f"after {duration(cut.lasted)} and {energy}.",
        f"It was charged {charged.gross} ({charged.net} and {charged.tax} tax).",
    ]
    if prices.per_session:
        parts.append(
            f"The session fee of {Money.of(prices.per_session, prices.currency)} is waived; energy stays billed as metered."
        )
    if goodwill.minor:
        parts.append(f"{goodwill} is given as goodwill.")
    parts.append(f"Credit: {amount.gross} ({amount.net} and {amount.tax} tax).")
    return " ".join(parts)


def _moment(at: datetime) -> str:
    return f"{at:%d %B %Y, %H:%M} UTC".lstrip("0")
