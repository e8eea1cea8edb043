"""What an event carries, kind by kind: one model per kind of `schemas.telemetry.EVENT_KINDS`, checked where events enter."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from schemas import telemetry

Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
"""Free text; a NUL cannot be stored."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Field(ge=0, le=9_999)]
"""Of a port or a connector; 0 is the station."""

Status = Literal[
    "available",
    "preparing",
    "charging",
    "suspended_ev",
    "suspended_evse",
    "finishing",
    "occupied",
    "reserved",
    "unavailable",
    "faulted",
]


class Data(BaseModel):
    """What all kinds share: keys beyond those described are refused, null is the same as left out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class StatusData(Data):
    """The port is in this state now."""

    status: Status
    error: Annotated[
        Name | None, Field(description="what is wrong, as OCPP 1.6 names it in snake case, e.g. ground_failure")
    ] = None
    vendor_code: Annotated[Name | None, Field(description="ChargeX code CXnnn, or the maker's own")] = None
    info: Text | None = None
    connector: Number | None = None


class SessionStartData(Data):
    """A charging session (transaction) began at the instant of the event."""

    session: Annotated[Name | None, Field(description="transaction id")] = None
    token: Annotated[Name | None, Field(description="RFID or contract id as read; only its keyed hash is kept")] = None
    meter_wh: Annotated[float | None, Field(description="import register, Wh")] = None
    connector: Number | None = None
    trigger: Name | None = None
    offline: Annotated[bool | None, Field(description="reported after the fact, the station was offline")] = None


class SessionUpdateData(Data):
    """Something about a running session changed."""

    session: Name
    charging_state: Name | None = None
    trigger: Name | None = None
    seq_no: Annotated[int | None, Field(ge=0, le=2**53)] = None
    offline: bool | None = None


class SessionEndData(Data):
    """The session is over."""

    session: Name | None = None
    meter_wh: Annotated[float | None, Field(description="import register, Wh")] = None
    reason: Annotated[Name, Field(description="OCPP stop reason in snake case, e.g. ev_disconnected")]
    token: Name | None = None
    offline: bool | None = None
    seq_no: Annotated[int | None, Field(ge=0, le=2**53)] = None


class SessionIdData(Data):
    """The id of the session that began at the instant of the event."""

    session: Name
    meter_wh: float | None = None
    token: Name | None = None


class AuthorizeData(Data):
    """Somebody asked to charge, and this was the answer."""

    token: Name
    result: Annotated[Name, Field(description="accepted, or why not: invalid, blocked, expired, ...")]


class BootData(Data):
    """The station started."""

    reason: Annotated[Name | None, Field(description="power_up, watchdog, remote_reset, ...")] = None
    vendor: Name | None = None
    model: Name | None = None
    firmware: Name | None = None
    serial: Name | None = None


class ConnectionData(Data):
    """The station's own link went up or down."""

    connected: bool


class FaultData(Data):
    """A fault was raised (`active`) or cleared."""

    code: Annotated[Name, Field(description="ChargeX code CXnnn, or a name in snake case")]
    active: bool
    info: Text | None = None


class CommandResultData(Data):
    """What became of a command (`ev/<station>/to/command`)."""

    command: Annotated[Name, Field(description="the id of the command")]
    result: Literal["accepted", "rejected", "expired", "failed"]
    info: Text | None = None


class AliveData(Data):
    """A sign of life and nothing more."""


DATA: Final[dict[str, type[Data]]] = {
    telemetry.STATUS: StatusData,
    telemetry.SESSION_START: SessionStartData,
    telemetry.SESSION_UPDATE: SessionUpdateData,
    telemetry.SESSION_END: SessionEndData,
    telemetry.SESSION_ID: SessionIdData,
    telemetry.AUTHORIZE: AuthorizeData,
    telemetry.BOOT: BootData,
    telemetry.CONNECTION: ConnectionData,
    telemetry.FAULT: FaultData,
    telemetry.COMMAND_RESULT: CommandResultData,
    telemetry.ALIVE: AliveData,
}


def plain(data: Data) -> dict[str, Any]:
    """The keys that were said, as `schemas.telemetry.Event.data` holds them."""
    return data.model_dump(exclude_none=True)
