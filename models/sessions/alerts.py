"""Alerts of sessions that a fault cut short: one a session, told again when its fault is known better."""

import math
from collections.abc import Iterator
from typing import Any

from models.sessions.assemble import Draft
from models.sessions.judge import Verdict
from models.sessions.port import Port
from schemas.alerts import Alert, alert_id, moment
from schemas.faults import catalogue


class Cuts:
    """Makes the alerts. What was told of a session stands in its ledger."""

    def __init__(self, source: str, version: str) -> None:
        self._source, self._version = source, version

    def tell(self, port: Port, draft: Draft, verdict: Verdict, energy_wh: float, said_at: int) -> Iterator[Alert]:
        """The alert that `verdict` on a session calls for, if it is news.

        `energy_wh` is what it delivered (NaN: unknown), `said_at` when the last fact of it was received.
        """
        ledger = draft.lead.ledger
        if ledger is None or draft.ended_at is None:
            return
        told = ledger.alert
        if not verdict.charger_side:
            if told is not None and told["state"] != "cleared":
                ledger.alert = told | {"revision": told["revision"] + 1, "state": "cleared", "cleared_at": said_at}
                yield self._alert(port, draft, ledger.alert, energy_wh)
            return
        family = verdict.family or "unknown"
        news = {
            "family": family,
            "party": verdict.party,
            "code": verdict.code,
            "key": draft.key,
            "ended_at": draft.ended_at,
        }
        if told is None:
            first = {"id": alert_id(self._source, port.name, family, draft.ended_at), "revision": 1, "state": "raised"}
            ledger.alert = news | first | {"raised_at": said_at, "cleared_at": None}
        elif told["state"] == "cleared" or any(told[name] != value for name, value in news.items()):
            ledger.alert = told | news | {"revision": told["revision"] + 1, "state": "updated", "cleared_at": None}
        else:
            return
        yield self._alert(port, draft, ledger.alert, energy_wh)

    def _alert(self, port: Port, draft: Draft, told: dict[str, Any], energy_wh: float) -> Alert:
        family = catalogue()[told["family"]]
        energy = None if math.isnan(energy_wh) else energy_wh
        reason = None if draft.end is None else draft.end.reason
        amount = "an unknown amount of energy" if energy is None else f"{energy / 1000:.2f} kWh"
        ended = told["ended_at"]
        return Alert(
            id=told["id"],
            revision=told["revision"],
            port=port.name,
            family=family.name,
            kind="session_cut",
            severity=family.severity,
            state=told["state"],
            onset_at=moment(ended),
            raised_at=moment(told["raised_at"]),
            cleared_at=None if told["cleared_at"] is None else moment(told["cleared_at"]),
            evidence={
                "session_key": told["key"],
                "session": draft.session,
                "stop_reason": reason,
                "started_at": moment(draft.started_at).isoformat(),
                "ended_at": moment(ended).isoformat(),
                "energy_wh": energy,
                "party": told["party"],
                "fault_family": told["family"],
                "fault_code": told["code"],
            },
            text=f"Charging session {told['key']} at {port.name} was cut short after {amount}: {family.title}"
            + (f" ({told['code']})." if told["code"] else f" (stop reason {reason})." if reason else "."),
            source=self._source,
            source_version=self._version,
        )
