"""Payloads of OCPP 2.0.1 as far as they are read, and their decoders: other keys are ignored, numbers may be texts."""

from typing import Annotated, Final

import msgspec

from connectors.adapters.ocpp201_events import EventData
from connectors.adapters.ocpp_meter import MeterValue
from connectors.adapters.ocpp_names import Said


class _Body(msgspec.Struct, rename="camel", kw_only=True):
    pass


class _Station(_Body):
    model: Said = None
    vendor_name: Said = None
    serial_number: Said = None
    firmware_version: Said = None


class _Boot(_Body, kw_only=True):
    reason: str | None = None
    charging_station: _Station


class _Status(_Body):
    connector_status: str
    evse_id: int | None = None
    connector_id: int | None = None
    timestamp: Said = None


class _Meter(_Body):
    evse_id: int
    meter_value: list[MeterValue] = []


class _IdToken(_Body):
    id_token: str | int | float
    type: str | None = None


class _Authorize(_Body):
    id_token: _IdToken


class _Evse(_Body):
    id: int
    connector_id: int | None = None


class _Transaction(_Body):
    transaction_id: str | int
    charging_state: str | None = None
    stopped_reason: str | None = None


class TransactionEvent(_Body, kw_only=True):
    """A TransactionEvent."""

    event_type: str
    timestamp: Said = None
    trigger_reason: str | None = None
    seq_no: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    offline: bool | None = None
    transaction_info: _Transaction
    evse: _Evse | None = None
    id_token: _IdToken | None = None
    meter_value: list[MeterValue] | None = None


class _NotifyEvent(_Body):
    event_data: list[EventData]


class _TokenInfo(_Body):
    status: str


class _TransactionAnswer(_Body):
    id_token_info: _TokenInfo | None = None


class _AuthorizeAnswer(_Body):
    id_token_info: _TokenInfo


BOOT: Final = msgspec.json.Decoder(_Boot, strict=False)
STATUS: Final = msgspec.json.Decoder(_Status, strict=False)
METER: Final = msgspec.json.Decoder(_Meter, strict=False)
TRANSACTION: Final = msgspec.json.Decoder(TransactionEvent, strict=False)
AUTHORIZE: Final = msgspec.json.Decoder(_Authorize, strict=False)
NOTIFY: Final = msgspec.json.Decoder(_NotifyEvent, strict=False)
TRANSACTION_ANSWER: Final = msgspec.json.Decoder(_TransactionAnswer, strict=False)
AUTHORIZE_ANSWER: Final = msgspec.json.Decoder(_AuthorizeAnswer, strict=False)
