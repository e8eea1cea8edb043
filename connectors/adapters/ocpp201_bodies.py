"""Payloads of OCPP 2.0.1 as far as they are read."""

from typing import Annotated

import msgspec

from connectors.adapters.ocpp201_events import EventData
from connectors.adapters.ocpp_frames import Body
from connectors.adapters.ocpp_meter import MeterValue
from connectors.adapters.ocpp_names import Said


class _Station(Body):
    model: Said = None
    vendor_name: Said = None
    serial_number: Said = None
    firmware_version: Said = None


class Boot(Body, kw_only=True):
    """A BootNotification."""

    reason: str | None = None
    charging_station: _Station


class Status(Body):
    """A StatusNotification."""

    connector_status: str
    evse_id: int | None = None
    connector_id: int | None = None
    timestamp: Said = None


class Meter(Body):
    """MeterValues."""

    evse_id: int
    meter_value: list[MeterValue] = msgspec.field(default_factory=list)


class _IdToken(Body):
    id_token: str | int | float
    type: str | None = None


class Authorize(Body):
    """An Authorize."""

    id_token: _IdToken


class _Evse(Body):
    id: int
    connector_id: int | None = None


class _Transaction(Body):
    transaction_id: str | int
    charging_state: str | None = None
    stopped_reason: str | None = None


class TransactionEvent(Body, kw_only=True):
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


class NotifyEvent(Body):
    """A NotifyEvent."""

    event_data: list[EventData]


class _TokenInfo(Body):
    status: str


class TransactionAnswer(Body):
    """The answer to a TransactionEvent."""

    id_token_info: _TokenInfo | None = None


class AuthorizeAnswer(Body):
    """The answer to an Authorize."""

    id_token_info: _TokenInfo
