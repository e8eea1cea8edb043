"""OCPP 1.6-J as lines. Tolerant where the field is: numbers as texts, missing units and times, fractional registers.

Connector n is port n, connector 0 the station. What is not in the tables at the end is refused as `unsupported`.
"""

from typing import Final

import msgspec

from connectors.adapters import clock
from connectors.adapters.lines import Happened, Line, Refusal
from connectors.adapters.ocpp_calls import Calls, Pending
from connectors.adapters.ocpp_frames import Body, Handler, Message, decode, exchange, heartbeat, port_number
from connectors.adapters.ocpp_meter import MeterValue, meter_lines, required
from connectors.adapters.ocpp_names import Said, known, snake, status_of, text
from connectors.adapters.units import UnitError, quantity
from schemas import telemetry


class _Boot(Body):
    charge_point_vendor: Said = None
    charge_point_model: Said = None
    charge_point_serial_number: Said = None
    charge_box_serial_number: Said = None
    firmware_version: Said = None


class _Status(Body):
    connector_id: int
    status: str
    error_code: str | None = None
    info: Said = None
    timestamp: Said = None
    vendor_error_code: Said = None


class _Meter(Body):
    connector_id: int
    transaction_id: int | None = None
    meter_value: list[MeterValue] = msgspec.field(default_factory=list)


class _Start(Body):
    connector_id: int
    id_tag: Said = None
    meter_start: Said = None
    timestamp: Said = None


class _Stop(Body):
    transaction_id: int | None = None
    meter_stop: Said = None
    timestamp: Said = None
    reason: str | None = None
    id_tag: Said = None
    transaction_data: list[MeterValue] | None = None


class _Authorize(Body):
    id_tag: str | int | float


class _TagInfo(Body):
    status: str


class _StartAnswer(Body):
    transaction_id: int
    id_tag_info: _TagInfo | None = None


class _AuthorizeAnswer(Body):
    id_tag_info: _TagInfo


def ocpp16(message: Message, calls: Calls) -> list[Line]:
    """The lines of one OCPP 1.6-J frame; Refusal where it holds none that can be read. About 30 us a frame of five values."""
    return exchange(message, calls, ACTIONS, ANSWERS)


def _session(transaction: int | None) -> str | None:
    """A transaction id; stations without an answer to their start send -1 or 0."""
    return None if transaction is None or transaction <= 0 else str(transaction)


def _register(said: Said) -> float | None:
    """A register in Wh; None where it is not known (-1) or no number."""
    try:
        value = None if said is None else quantity(said, "Wh").value
    except UnitError:
        return None
    return None if value is None or value < 0 else value


def _boot(body: bytes, _message: Message, _calls: Calls, _call: Pending) -> list[Line]:
    said = decode(_Boot, body, "BootNotification")
    vendor, model = text(said.charge_point_vendor), text(said.charge_point_model)
    if vendor is None and model is None:
        raise Refusal("schema", "BootNotification: chargePointVendor and chargePointModel are missing")
    serial = text(said.charge_point_serial_number) or text(said.charge_box_serial_number)
    data = known(vendor=vendor, model=model, firmware=text(said.firmware_version), serial=serial)
    return [Happened(0, telemetry.BOOT, None, data)]


def _status(body: bytes, _message: Message, _calls: Calls, _call: Pending) -> list[Line]:
    said = decode(_Status, body, "StatusNotification")
    status = status_of(said.status)
    if status is None:
        raise Refusal("schema", f"StatusNotification: status {said.status[:30]!r} is not known")
    error = snake(said.error_code or "")
    port = port_number(said.connector_id)
    data = known(
        status=status,
        error=None if error in ("", "no_error") else error,
        vendor_code=text(said.vendor_error_code),
        info=text(said.info, 500),
        connector=port or None,
    )
    return [Happened(port, telemetry.STATUS, clock.read_iso(text(said.timestamp)), data)]


def _meter(body: bytes, message: Message, calls: Calls, _call: Pending) -> list[Line]:
    said = decode(_Meter, body, "MeterValues")
    port, session = port_number(said.connector_id), _session(said.transaction_id)
    if session is not None and port:
        calls.linked(message.station, port, session)
    return required(meter_lines(said.meter_value, port))


def _start(body: bytes, message: Message, calls: Calls, call: Pending) -> list[Line]:
    said = decode(_Start, body, "StartTransaction")
    port, at = port_number(said.connector_id, least=1), clock.read_iso(text(said.timestamp))
    call.port, call.at = port, message.settled(at)
    call.token, call.meter_wh = message.token(said.id_tag), _register(said.meter_start)
    calls.began(message.station, port, None)
    data = known(token=call.token, meter_wh=call.meter_wh, connector=port)
    return [Happened(port, telemetry.SESSION_START, at, data)]


def _stop(body: bytes, message: Message, calls: Calls, _call: Pending) -> list[Line]:
    said = decode(_Stop, body, "StopTransaction")
    session = _session(said.transaction_id)
    port = calls.ended(message.station, session) or 0
    data = known(
        session=session,
        meter_wh=_register(said.meter_stop),
        reason=snake(said.reason or "Local"),
        token=message.token(said.id_tag),
    )
    end = Happened(port, telemetry.SESSION_END, clock.read_iso(text(said.timestamp)), data)
    return [*meter_lines(said.transaction_data or [], port), end]


def _authorize(body: bytes, message: Message, _calls: Calls, call: Pending) -> list[Line]:
    call.token = message.token(decode(_Authorize, body, "Authorize").id_tag)
    return [Happened(0, telemetry.ALIVE, None, {})]


def _started(body: bytes, message: Message, calls: Calls, call: Pending) -> list[Line]:
    said = decode(_StartAnswer, body, "StartTransaction.conf")
    session, info = _session(said.transaction_id), said.id_tag_info
    lines: list[Line] = []
    if session is not None and call.port:
        calls.began(message.station, call.port, session)
        data = known(session=session, meter_wh=call.meter_wh, token=call.token)
        lines.append(Happened(call.port, telemetry.SESSION_ID, call.at, data))
    if info is not None and call.token is not None and snake(info.status) != "accepted":
        lines.append(Happened(0, telemetry.AUTHORIZE, None, {"token": call.token, "result": snake(info.status)}))
    if not lines:
        raise Refusal("empty", "StartTransaction.conf without a transaction id")
    return lines


def _authorized(body: bytes, _message: Message, _calls: Calls, call: Pending) -> list[Line]:
    said = decode(_AuthorizeAnswer, body, "Authorize.conf")
    if call.token is None:
        raise Refusal("unmatched", "the call named no token")
    return [Happened(0, telemetry.AUTHORIZE, None, {"token": call.token, "result": snake(said.id_tag_info.status)})]


ACTIONS: Final[dict[str, Handler]] = {
    "Authorize": _authorize,
    "BootNotification": _boot,
    "Heartbeat": heartbeat,
    "MeterValues": _meter,
    "StartTransaction": _start,
    "StatusNotification": _status,
    "StopTransaction": _stop,
}
ANSWERS: Final[dict[str, Handler]] = {
    "Authorize": _authorized,
    "StartTransaction": _started,
}
