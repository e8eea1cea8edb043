"""OCPP 2.0.1: frames of a charging station, and the CSMS's answers as a gateway sees them go by.

Transactions are told by TransactionEvent, with a number each so that a gap shows; faults by NotifyEvent, since
StatusNotification lost its error fields; temperatures and fan speed are no measurands any more and are not said.
"""

from itertools import count
from typing import Any, Final

from simulator.fleet import Station
from simulator.speak.message import Message, Row, Session, dumps, rfc3339
from simulator.speak.ocpp16 import MEASURANDS

NOT_MEASURED: Final = ("Temperature", "RPM")
_STATUS: Final = {
    "available": "Available", "reserved": "Reserved", "unavailable": "Unavailable", "faulted": "Faulted",
}  # fmt: skip
_STATES: Final = {"charging": "Charging", "suspended_ev": "SuspendedEV", "suspended_evse": "SuspendedEVSE"}
_REASONS: Final = {
    "local": "Local", "remote": "Remote", "ev_disconnected": "EVDisconnected", "emergency_stop": "EmergencyStop",
    "hard_reset": "ImmediateReset", "soft_reset": "Other", "power_loss": "PowerLoss", "reboot": "Reboot",
    "ground_fault": "GroundFault", "overcurrent_fault": "OvercurrentFault", "de_authorized": "DeAuthorized",
}  # fmt: skip
_BOOT: Final = {"power_up": "PowerUp", "watchdog": "Watchdog", "remote_reset": "RemoteReset"}
_BY_USER: Final = ("local", "ev_disconnected")


class Ocpp201:
    """A station that speaks OCPP 2.0.1; EVSE n is port n, with connector 1."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self._ids = count(1)

    def boot(self, at_us: int, reason: str) -> list[Message]:
        """BootNotification."""
        s = self.station
        body = {
            "reason": _BOOT.get(reason, "Unknown"),
            "chargingStation": {
                "vendorName": s.model.vendor, "model": s.model.name, "serialNumber": s.serial, "firmwareVersion": s.firmware,
            },
        }  # fmt: skip
        answer = {"currentTime": rfc3339(at_us), "interval": int(s.heartbeat_s), "status": "Accepted"}
        return [self._call(at_us, "BootNotification", body, answer)]

    def alive(self, at_us: int) -> list[Message]:
        """Heartbeat."""
        return [self._call(at_us, "Heartbeat", {}, {"currentTime": rfc3339(at_us)})]

    def status(self, at_us: int, port: int, status: str, error: str = "", code: str = "") -> list[Message]:
        """StatusNotification, and NotifyEvent where something is wrong."""
        body = {"timestamp": rfc3339(at_us), "connectorStatus": _STATUS.get(status, "Occupied")}
        said = [self._call(at_us, "StatusNotification", body | {"evseId": port, "connectorId": 1}, {})]
        return [*said, self._problem(at_us, port, error, code)] if code or error else said

    def authorize(self, at_us: int, port: int, token: str, accepted: bool) -> list[Message]:
        """Authorize and its answer."""
        answer = {"idTokenInfo": {"status": "Accepted" if accepted else "Invalid"}}
        return [self._call(at_us, "Authorize", {"idToken": {"idToken": token, "type": "ISO14443"}}, answer)]

    def session_start(self, at_us: int, session: Session, offline: bool) -> list[Message]:
        """TransactionEvent Started, authorised; then Updated when the contactor closes."""
        token = {"idToken": {"idToken": session.token, "type": "ISO14443"}}
        begin = self._meter(at_us, {"energy": float(session.meter_start)}, "Transaction.Begin")
        head = self._transaction(at_us, session, "Started", "Authorized", offline, "EVConnected")
        info = {"idTokenInfo": {"status": "Accepted"}}
        started = self._call(at_us, "TransactionEvent", head | token | {"meterValue": begin}, info, keep=True)
        return [started, *self.session_state(at_us, session, "charging", offline)]

    def session_state(self, at_us: int, session: Session, state: str, offline: bool) -> list[Message]:
        """TransactionEvent Updated: the charging state changed."""
        body = self._transaction(at_us, session, "Updated", "ChargingStateChanged", offline, _STATES[state])
        return [self._call(at_us, "TransactionEvent", body, {}, keep=True)]

    def session_end(self, at_us: int, session: Session, meter: int, reason: str, offline: bool) -> list[Message]:
        """TransactionEvent Ended."""
        trigger = "StopAuthorized" if reason == "local" else "EVDeparted" if reason in _BY_USER else "AbnormalCondition"
        body = self._transaction(at_us, session, "Ended", trigger, offline, "EVConnected")
        body["transactionInfo"]["stoppedReason"] = _REASONS.get(reason, "Other")
        body["meterValue"] = self._meter(at_us, {"energy": float(meter)}, "Transaction.End")
        return [self._call(at_us, "TransactionEvent", body, {}, keep=True)]

    def reading(
        self, at_us: int, port: int, row: Row, other: Row, session: Session | None, offline: bool
    ) -> list[Message]:
        """TransactionEvent Updated while charging, else MeterValues."""
        values = self._meter(at_us, row, "Sample.Periodic")
        described = ((f"{self.station.station}/{port}", at_us // 1000 * 1000),)
        if session is None:
            body: dict[str, Any] = {"evseId": port, "meterValue": values}
            return [self._call(at_us, "MeterValues", body, None, False, described)]
        body = self._transaction(at_us, session, "Updated", "MeterValuePeriodic", offline) | {"meterValue": values}
        return [self._call(at_us, "TransactionEvent", body, None, True, described)]

    def _transaction(
        self, at_us: int, session: Session, kind: str, trigger: str, offline: bool, state: str = ""
    ) -> dict[str, Any]:
        info: dict[str, Any] = {"transactionId": session.name} | ({"chargingState": state} if state else {})
        head = {"eventType": kind, "timestamp": rfc3339(at_us), "triggerReason": trigger, "seqNo": session.next_seq()}
        evse = {"id": session.port, "connectorId": 1}
        body: dict[str, Any] = {**head, "transactionInfo": info, "evse": evse}
        return body | {"offline": True} if offline else body

    def _meter(self, at_us: int, row: Row, context: str) -> list[dict[str, Any]]:
        sampled = []
        for name, value in row.items():
            known = MEASURANDS.get(name)
            if known is None or known["measurand"] in NOT_MEASURED:
                continue
            entry: dict[str, Any] = {"value": value, "context": context, "measurand": known["measurand"]}
            entry |= {key: known[key] for key in ("phase", "location") if key in known}
            sampled.append(entry | {"unitOfMeasure": {"unit": known["unit"]}})
        return [{"timestamp": rfc3339(at_us), "sampledValue": sampled}]

    def _problem(self, at_us: int, port: int, error: str, code: str) -> Message:
        number = next(self._ids)
        data = {
            "eventId": number, "timestamp": rfc3339(at_us), "trigger": "Alerting", "actualValue": "true",
            "eventNotificationType": "HardWiredNotification", "techInfo": error,
            "component": {"name": "EVSE", "evse": {"id": port}}, "variable": {"name": "Problem"},
        }  # fmt: skip
        if code:
            data["techCode"] = code
        return self._call(at_us, "NotifyEvent", {"generatedAt": rfc3339(at_us), "seqNo": 0, "eventData": [data]}, {})

    def _call(
        self, at_us: int, action: str, body: dict[str, Any], answer: dict[str, Any] | None, keep: bool = False,
        describes: tuple[tuple[str, int], ...] = (),
    ) -> Message:  # fmt: skip
        number = f"{at_us // 1_000_000:x}-{next(self._ids)}"
        reply = None if answer is None else dumps([3, number, answer])
        return Message("ocpp201", dumps([2, number, action, body]), keep, describes, 1, reply)
