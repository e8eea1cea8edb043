"""Credits in the database: once a session, rule and version, decided by the rule or by a person, settled by a job."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from control.change_log import CREDITS, note, record
from control.incidents import known_id
from control.jobs import defer
from control.messages import tell
from control.queries import Connection, NotThereError, Row, one, row, rows, run
from control.rules.credits import RULE, VERSION, Cut, Policy, Proposal, propose
from control.settings import ControlSettings
from schemas.alerts import Alert
from schemas.money import Amount, Money, Prices


class CreditError(ValueError):
    """A decision that cannot be taken now; the message says why."""


def consider(conn: Connection, settings: ControlSettings, alert: Alert, incident_id: UUID, now: datetime) -> Row | None:
    """The credit for the session that this alert says was cut, if it gets one and had none; a note where it gets none.

    The alert is in the inbox. A session whose key changed is looked for under all keys that the alert gave it.
    """
    try:
        cut = Cut.model_validate(alert.evidence)
    except ValidationError as error:
        _skip(conn, incident_id, alert, f"the alert's evidence is not complete ({error.errors()[0]['loc'][0]})")
        return None
    once = {"port": alert.port, "session_key": cut.session_key, "rule": RULE, "rule_version": VERSION}
    keys = _keys(conn, alert)
    if row(conn, "credit_known", session_keys=keys, by_rule=CREDITS, **once) is not None:
        return None
    found = row(conn, "prices_of", at=cut.started_at, port=alert.port, station=alert.station)
    if found is None:
        _skip(conn, incident_id, alert, "no tariff was in force")
        return None
    prices = Prices.model_validate(found)
    proposal = propose(cut, alert.port, prices, _policy(settings), _already(conn, alert.port, keys, prices))
    if proposal is None:
        _skip(conn, incident_id, alert, "the session has no fee to waive")
        return None
    return _enter(conn, settings, alert, incident_id, prices, proposal, once, now)


def reconsider(conn: Connection, alert: Alert, now: datetime) -> None:
    """A session was not cut by the charger after all: a credit that still waits for a person is rejected with that reason.

    One that was approved stays: what a driver was promised is not taken back by a machine. If the alert says again that the
    charger cut it, the credit is proposed again.
    """
    which = {"port": alert.port, "session_keys": _keys(conn, alert), "rule": RULE, "rule_version": VERSION}
    found = row(conn, "credit_waiting", **which)
    if found is not None:
        because = "the charger did not cut the session after all"
        run(conn, "credit_decide", credit_id=found["credit_id"], state="rejected", at=now, by=CREDITS, because=because)
        record(conn, CREDITS, "rejected", "credit", found["credit_id"], reason=because)
        note(conn, CREDITS, "credit", f"Credit withdrawn: {because}", at=now, incident=found["incident_id"])


def _policy(settings: ControlSettings) -> Policy:
    return Policy(settings.goodwill_percent, settings.approve_up_to)


def _keys(conn: Connection, alert: Alert) -> list[str]:
    return [found["session_key"] for found in rows(conn, "session_keys", alert_id=alert.id)]


def _already(conn: Connection, port: str, keys: list[str], prices: Prices) -> Amount:
    had = one(conn, "credited", port=port, session_keys=keys, currency=prices.currency)
    return Amount(Money(had["net"], prices.currency), Money(had["tax"], prices.currency))


def _skip(conn: Connection, incident_id: UUID, alert: Alert, because: str) -> None:
    note(conn, CREDITS, "credit", f"No credit: {because}", at=alert.raised_at, incident=incident_id)


def _enter(
    conn: Connection,
    settings: ControlSettings,
    alert: Alert,
    incident_id: UUID,
    prices: Prices,
    proposal: Proposal,
    once: dict[str, Any],
    now: datetime,
) -> Row | None:
    state = "approved" if proposal.approved else "proposed"
    credit = row(
        conn,
        "credit_add",
        credit_id=known_id("credit", *once.values()),
        incident_id=incident_id,
        tariff=prices.tariff,
        currency=prices.currency,
        net_minor=proposal.amount.net.minor,
        tax_minor=proposal.amount.tax.minor,
        charged_net_minor=proposal.charged.net.minor,
        charged_tax_minor=proposal.charged.tax.minor,
        reason=proposal.reason,
        state=state,
        proposed_at=alert.raised_at,
        decided_at=now if proposal.approved else None,
        decided_by=CREDITS if proposal.approved else None,
        decided_because="within the limit for credits without a person" if proposal.approved else None,
        by_rule=CREDITS,
        **once,
    )
    if credit is None:
        return None
    text = f"Credit of {proposal.amount.gross} {state}" + (
        "" if proposal.approved else ": above the limit, a person decides"
    )
    record(
        conn, CREDITS, state, "credit", credit["credit_id"], reason=proposal.reason, gross=proposal.amount.gross.minor
    )
    note(conn, CREDITS, "credit", text, at=alert.raised_at, incident=incident_id)
    _announce(conn, settings, credit, now)
    return credit


def decide(
    conn: Connection,
    settings: ControlSettings,
    credit_id: UUID,
    actor: str,
    *,
    approve: bool,
    because: str,
    now: datetime,
) -> Row:
    """A person's word on a proposed credit. NotThereError if there is none, CreditError if it was decided already."""
    credit = row(conn, "credit_of_id", credit_id=credit_id)
    if credit is None:
        raise NotThereError(f"there is no credit {credit_id}")
    if credit["state"] != "proposed":
        raise CreditError(f"this credit is {credit['state']} already, by {credit['decided_by']}: it is decided once")
    state = "approved" if approve else "rejected"
    decided = one(conn, "credit_decide", credit_id=credit_id, state=state, at=now, by=actor, because=because)
    record(conn, actor, state, "credit", credit_id, reason=because)
    if credit["incident_id"] is not None:
        text = f"Credit of {gross(decided)} {state}: {because}"
        note(conn, actor, "credit", text, at=now, incident=credit["incident_id"])
    if approve:
        _announce(conn, settings, decided, now)
    return decided


def _announce(conn: Connection, settings: ControlSettings, credit: Row, now: datetime) -> None:
    if credit["state"] == "approved":
        defer(conn, "settle_credit", credit_id=str(credit["credit_id"]))
    else:
        tell(conn, settings, "credit.proposed", now, **brief(credit))


def settled(conn: Connection, credit_id: UUID, by: str, now: datetime) -> bool:
    """Mark an approved credit as settled; whether it was still to be."""
    done = row(conn, "credit_settle", credit_id=credit_id, at=now)
    if done is None:
        return False
    record(conn, by, "settled", "credit", credit_id)
    return True


def gross(credit: Row) -> Money:
    """Net and tax of a credit row together."""
    return Money(credit["net_minor"] + credit["tax_minor"], credit["currency"])


def brief(credit: Row) -> dict[str, Any]:
    """A credit in a message: all that the payment provider needs."""
    return {
        "credit": str(credit["credit_id"]),
        "port": credit["port"],
        "session": credit["session_key"],
        "rule": f"{credit['rule']}/{credit['rule_version']}",
        "currency": credit["currency"],
        "net_minor": credit["net_minor"],
        "tax_minor": credit["tax_minor"],
        "reason": credit["reason"],
    }
