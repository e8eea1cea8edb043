"""OCPP 1.6J: frames of a charge point, and the central system's answers as a gateway sees them go by.

Values are strings and the transaction id is the central system's, told in the answer to StartTransaction. What 1.6 has no
measurand for (requested current, ambient temperature) is not said.
"""

from itertools import count
from typing import Any, Final

from simulator.fleet import Station
from simulator.speak.message import Message, Row, Session, dumps, rfc3339

VENDOR: Final = "https://chargex.inl.gov"
MEASURANDS: Final[dict[str, dict[str, str]]] = {
    "voltage": {"measurand": "Voltage", "unit": "V"},
    "voltage_l1": {"measurand": "Voltage", "phase": "L1-N", "unit": "V"},
    "voltage_l2": {"measurand": "Voltage", "phase": "L2-N", "unit": "V"},
    "voltage_l3": {"measurand": "Voltage", "phase": "L3-N", "unit": "V"},
    "current": {"measurand": "Current.Import", "unit": "A"},
    "current_l1": {"measurand": "Current.Import", "phase": "L1", "unit": "A"},
    "current_l2": {"measurand": "Current.Import", "phase": "L2", "unit": "A"},
    "current_l3": {"measurand": "Current.Import", "phase": "L3", "unit": "A"},
    "power": {"measurand": "Power.Active.Import", "unit": "W"},
    "power_offered": {"measurand": "Power.Offered", "unit": "W"},
    "current_offered": {"measurand": "Current.Offered", "unit": "A"},
    "energy": {"measurand": "Energy.Active.Import.Register", "unit": "Wh"},
    "soc": {"measurand": "SoC", "location": "EV", "unit": "Percent"},
    "temp_connector": {"measurand": "Temperature", "location": "Outlet", "unit": "Celsius"},
    "temp_internal": {"measurand": "Temperature", "location": "Body", "unit": "Celsius"},
    "fan_rpm": {"measurand": "RPM"},
}
_STATUS: Final = {
    "available": "Available", "preparing": "Preparing", "charging": "Charging", "suspended_ev": "SuspendedEV",
    "suspended_evse": "SuspendedEVSE", "finishing": "Finishing", "reserved": "Reserved", "unavailable": "Unavailable",
    "faulted": "Faulted",
}  # fmt: skip
_REASONS: Final = {
    "local": "Local", "remote": "Remote", "ev_disconnected": "EVDisconnected", "emergency_stop": "EmergencyStop",
    "hard_reset": "HardReset", "soft_reset": "SoftReset", "power_loss": "PowerLoss", "reboot": "Reboot",
    "unlock_command": "UnlockCommand", "de_authorized": "DeAuthorized",
}  # fmt: skip
ACCEPTED: Final = {"idTagInfo": {"status": "Accepted"}}


class Ocpp16:
    """A station that speaks OCPP 1.6J; its messages are kept as long as transactions need them."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self._ids = count(1)

    def boot(self, at_us: int, reason: str) -> list[Message]:
        """BootNotification; 1.6 knows no reason."""
        s = self.station
        body = {
            "chargePointVendor": s.model.vendor, "chargePointModel": s.model.name,
            "chargePointSerialNumber": s.serial, "firmwareVersion": s.firmware,
        }  # fmt: skip
        answer = {"currentTime": rfc3339(at_us), "interval": int(s.heartbeat_s), "status": "Accepted"}
        return [self._call(at_us, "BootNotification", body, answer)]

    def alive(self, at_us: int) -> list[Message]:
        """Heartbeat."""
        return [self._call(at_us, "Heartbeat", {}, {"currentTime": rfc3339(at_us)})]

    def status(self, at_us: int, port: int, status: str, error: str = "", code: str = "") -> list[Message]:
        """StatusNotification."""
        body: dict[str, Any] = {"connectorId": port, "errorCode": pascal(error) if error else "NoError"}
        body |= {"status": _STATUS[status], "timestamp": rfc3339(at_us)}
        if code:
            body |= {"vendorId": VENDOR, "vendorErrorCode": code}
        return [self._call(at_us, "StatusNotification", body, {})]

    def authorize(self, at_us: int, port: int, token: str, accepted: bool) -> list[Message]:
        """Authorize and its answer."""
        answer = ACCEPTED if accepted else {"idTagInfo": {"status": "Invalid"}}
        return [self._call(at_us, "Authorize", {"idTag": token}, answer)]

    def session_start(self, at_us: int, session: Session, offline: bool) -> list[Message]:
        """StartTransaction; the answer holds the transaction id."""
        body = {"connectorId": session.port, "idTag": session.token, "meterStart": session.meter_start}
        answer = {"transactionId": session.number, **ACCEPTED}
        return [self._call(at_us, "StartTransaction", body | {"timestamp": rfc3339(at_us)}, answer, keep=True)]

    def session_state(self, at_us: int, session: Session, state: str, offline: bool) -> list[Message]:
        """Nothing: the status of the connector says it."""
        return []

    def session_end(self, at_us: int, session: Session, meter: int, reason: str, offline: bool) -> list[Message]:
        """StopTransaction."""
        body = {"transactionId": session.number, "idTag": session.token, "meterStop": meter}
        body |= {"timestamp": rfc3339(at_us), "reason": _REASONS.get(reason, "Other")}
        return [self._call(at_us, "StopTransaction", body, ACCEPTED, keep=True)]

    def reading(
        self, at_us: int, port: int, row: Row, other: Row, session: Session | None, offline: bool
    ) -> list[Message]:
        """MeterValues; `other` values have no measurand and are not said."""
        sampled = [{"value": f"{value:g}" if name != "energy" else f"{value:.0f}", **MEASURANDS[name]}
                   for name, value in row.items() if name in MEASURANDS]  # fmt: skip
        body: dict[str, Any] = {"connectorId": port}
        if session is not None:
            body["transactionId"] = session.number
        body["meterValue"] = [{"timestamp": rfc3339(at_us), "sampledValue": sampled}]
        described = ((f"{self.station.station}/{port}", at_us // 1000 * 1000),)
        return [self._call(at_us, "MeterValues", body, None, session is not None, described)]

    def _call(
        self, at_us: int, action: str, body: dict[str, Any], answer: dict[str, Any] | None, keep: bool = False,
        describes: tuple[tuple[str, int], ...] = (),
    ) -> Message:  # fmt: skip
        number = f"{at_us // 1_000_000:x}-{next(self._ids)}"
        reply = None if answer is None else dumps([3, number, answer])
        return Message("ocpp16", dumps([2, number, action, body]), keep, describes, 1, reply)


def pascal(snake: str) -> str:
    """An error name as OCPP 1.6 writes it."""
    return "EVCommunicationError" if snake == "ev_communication_error" else "".join(w.title() for w in snake.split("_"))
