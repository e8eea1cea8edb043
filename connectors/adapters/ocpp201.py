"""OCPP 2.0.1 (and 2.1 where it is the same) as lines. EVSE n is port n, EVSE 0 the station; the connector is data.

What is not in the tables at the end is refused as `unsupported`.
"""

from typing import Final

from connectors.adapters import clock
from connectors.adapters.lines import Happened, Line, Refusal
from connectors.adapters.ocpp201_bodies import (
    Authorize,
    AuthorizeAnswer,
    Boot,
    Meter,
    NotifyEvent,
    Status,
    TransactionAnswer,
    TransactionEvent,
)
from connectors.adapters.ocpp201_events import device_lines
from connectors.adapters.ocpp_calls import Calls, Pending
from connectors.adapters.ocpp_frames import Handler, Message, decode, exchange, heartbeat, port_number
from connectors.adapters.ocpp_meter import meter_lines, register, required
from connectors.adapters.ocpp_names import known, snake, status_of, text
from schemas import telemetry


def ocpp201(message: Message, calls: Calls) -> list[Line]:
    """The lines of one OCPP 2.0.1 frame; Refusal where it holds none that can be read. About 30 us a frame of five values."""
    return exchange(message, calls, ACTIONS, ANSWERS)


def _boot(body: bytes, _message: Message, _calls: Calls, _call: Pending) -> list[Line]:
    said = decode(Boot, body, "BootNotification")
    station = said.charging_station
    data = known(
        reason=snake(said.reason) if said.reason else None,
        vendor=text(station.vendor_name),
        model=text(station.model),
        firmware=text(station.firmware_version),
        serial=text(station.serial_number),
    )
    return [Happened(0, telemetry.BOOT, None, data)]


def _status(body: bytes, _message: Message, _calls: Calls, _call: Pending) -> list[Line]:
    said = decode(Status, body, "StatusNotification")
    status = status_of(said.connector_status)
    if status is None:
        raise Refusal("schema", f"StatusNotification: status {said.connector_status[:30]!r} is not known")
    port, connector = port_number(said.evse_id), port_number(said.connector_id)
    at = clock.read_iso(text(said.timestamp))
    return [Happened(port, telemetry.STATUS, at, known(status=status, connector=connector or None))]


def _meter(body: bytes, _message: Message, _calls: Calls, _call: Pending) -> list[Line]:
    said = decode(Meter, body, "MeterValues")
    return required(meter_lines(said.meter_value, port_number(said.evse_id)))


def _transaction(body: bytes, message: Message, calls: Calls, call: Pending) -> list[Line]:
    said = decode(TransactionEvent, body, "TransactionEvent")
    session = text(said.transaction_info.transaction_id)
    kind = snake(said.event_type)
    if session is None or kind not in _PARTS:
        raise Refusal("schema", f"TransactionEvent: {said.event_type[:20]!r} of {session!r}")
    call.port = _port(said, session, kind, message, calls)
    call.session = session
    call.token = message.token(said.id_token.id_token) if said.id_token else None
    events = _PARTS[kind](said, call, clock.read_iso(text(said.timestamp)))
    return [*meter_lines(said.meter_value or [], call.port), *events]


def _port(said: TransactionEvent, session: str, kind: str, message: Message, calls: Calls) -> int:
    """The EVSE; later events of a transaction may leave it out, so it is remembered."""
    port = port_number(said.evse.id) if said.evse else calls.port_of(message.station, session) or 0
    if kind == "ended":
        ended = calls.ended(message.station, session)
        return port or ended or 0
    if port:
        calls.began(message.station, port, session)
    return port


def _started(said: TransactionEvent, call: Pending, at: int | None) -> list[Line]:
    data = known(
        session=call.session,
        token=call.token,
        meter_wh=register(said.meter_value or [], "Transaction.Begin"),
        connector=port_number(said.evse.connector_id) or None if said.evse else None,
        trigger=_trigger(said),
        offline=said.offline or None,
    )
    update = _updated(said, call, at) if said.transaction_info.charging_state else []
    return [Happened(call.port, telemetry.SESSION_START, at, data), *update]


def _updated(said: TransactionEvent, call: Pending, at: int | None) -> list[Line]:
    state = said.transaction_info.charging_state
    data = known(
        session=call.session,
        charging_state=snake(state) if state else None,
        trigger=_trigger(said),
        seq_no=said.seq_no,
        offline=said.offline or None,
    )
    return [Happened(call.port, telemetry.SESSION_UPDATE, at, data)]


def _ended(said: TransactionEvent, call: Pending, at: int | None) -> list[Line]:
    data = known(
        session=call.session,
        meter_wh=register(said.meter_value or [], "Transaction.End"),
        reason=snake(said.transaction_info.stopped_reason or "Local"),
        token=call.token,
        offline=said.offline or None,
        seq_no=said.seq_no,
    )
    return [Happened(call.port, telemetry.SESSION_END, at, data)]


def _trigger(said: TransactionEvent) -> str | None:
    return snake(said.trigger_reason) if said.trigger_reason else None


def _notify(body: bytes, _message: Message, _calls: Calls, _call: Pending) -> list[Line]:
    return required(device_lines(decode(NotifyEvent, body, "NotifyEvent").event_data))


def _authorize(body: bytes, message: Message, _calls: Calls, call: Pending) -> list[Line]:
    call.token = message.token(decode(Authorize, body, "Authorize").id_token.id_token)
    return [Happened(0, telemetry.ALIVE, None, {})]


def _answered(body: bytes, _message: Message, _calls: Calls, call: Pending) -> list[Line]:
    info = decode(TransactionAnswer, body, "TransactionEvent.conf").id_token_info
    if info is None or call.token is None:
        raise Refusal("empty", "TransactionEvent.conf")
    data = known(token=call.token, result=snake(info.status), session=call.session)
    return [Happened(call.port, telemetry.AUTHORIZE, None, data)]


def _authorized(body: bytes, _message: Message, _calls: Calls, call: Pending) -> list[Line]:
    said = decode(AuthorizeAnswer, body, "Authorize.conf")
    if call.token is None:
        raise Refusal("unmatched", "the call named no token")
    return [Happened(0, telemetry.AUTHORIZE, None, {"token": call.token, "result": snake(said.id_token_info.status)})]


_PARTS: Final = {"started": _started, "updated": _updated, "ended": _ended}
ACTIONS: Final[dict[str, Handler]] = {
    "Authorize": _authorize,
    "BootNotification": _boot,
    "Heartbeat": heartbeat,
    "MeterValues": _meter,
    "NotifyEvent": _notify,
    "StatusNotification": _status,
    "TransactionEvent": _transaction,
}
ANSWERS: Final[dict[str, Handler]] = {
    "Authorize": _authorized,
    "TransactionEvent": _answered,
}
