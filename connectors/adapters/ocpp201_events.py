"""NotifyEvent of OCPP 2.0.1: what the parts of a station report, as faults, states and measured values."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from connectors.adapters import clock
from connectors.adapters.lines import Happened, Line, Reading, Refused, Value
from connectors.adapters.ocpp_frames import port_number
from connectors.adapters.ocpp_names import Said, known, snake, status_of, text
from connectors.adapters.units import UnitError, quantity
from schemas import telemetry

FAULT_VARIABLES: Final = ("problem", "tripped", "overload", "operated")
"""Variables that are true while something is wrong."""

CODES: Final = {
    "connector_plug_retention_lock": "connector_lock_failure",
    "ground_isolation_protection": "CX022",
    "rcd": "ground_failure",
    "over_current_protection": "over_current_failure",
    "power_contactor": "CX017",
    "fiscal_metering": "power_meter_failure",
    "token_reader": "reader_failure",
    "emergency_stop_sensor": "CX008",
    "cable_breakaway_sensor": "CX026",
}
"""Component -> the code that its fault is known by; other components go by component and variable."""

_MEASURED: Final = {
    ("connector", "temperature"): "temp_connector",
    ("charging_station", "temperature"): "temp_internal",
    ("ac_dc_converter", "temperature"): "temp_internal",
    ("evse", "temperature"): "temp_internal",
    ("external_temperature_sensor", "temperature"): "temp_ambient",
    ("ac_dc_converter", "fan_speed"): "fan_rpm",
    ("air_cooling_system", "fan_speed"): "fan_rpm",
    ("ac_dc_converter", "dc_voltage"): "voltage",
    ("ac_dc_converter", "dc_current"): "current",
}
_BESIDE: Final = {
    ("ground_isolation_protection", "impedance"): ("isolation", "ohm"),
    ("humidity_sensor", "humidity"): ("humidity", "percent"),
    ("connector_plug_retention_lock", "tries"): ("lock_retries", None),
}


class _Evse(msgspec.Struct, rename="camel"):
    id: int = 0
    connector_id: int | None = None


class _Component(msgspec.Struct):
    name: str
    instance: str | None = None
    evse: _Evse | None = None


class _Variable(msgspec.Struct):
    name: str
    instance: str | None = None


class EventData(msgspec.Struct, rename="camel", kw_only=True):
    """One thing that a NotifyEvent reports."""

    timestamp: Said = None
    actual_value: Any = None
    tech_code: Said = None
    tech_info: Said = None
    cleared: bool | None = None
    component: _Component
    variable: _Variable


def device_lines(events: Sequence[EventData]) -> list[Line]:
    """A line, or a refusal, for each thing reported."""
    return [_line(event) for event in events]


def _line(event: EventData) -> Line:
    evse = event.component.evse or _Evse()
    port, at = port_number(evse.id), clock.read_iso(text(event.timestamp))
    component, variable = snake(event.component.name), snake(event.variable.name)
    code = text(event.tech_code)
    said = text(event.actual_value if isinstance(event.actual_value, str | int | float) else None, 500)
    if variable == "availability_state" and (status := status_of(said or "")):
        return Happened(
            port, telemetry.STATUS, at, known(status=status, connector=port_number(evse.connector_id) or None)
        )
    if (code and code.upper().startswith("CX")) or variable in FAULT_VARIABLES:
        known_code = code.upper() if code and code.upper().startswith("CX") else CODES.get(component)
        active = not event.cleared and (said or "true").lower() not in ("false", "0")
        named = known_code or code or f"{component}_{variable}"
        data = known(code=named, active=active, info=text(event.tech_info, 500))
        return Happened(port, telemetry.FAULT, at, data)
    return _measured(port, at, component, variable, said)


def _measured(port: int, at: int | None, component: str, variable: str, said: str | None) -> Line:
    channel, beside = _MEASURED.get((component, variable)), _BESIDE.get((component, variable))
    if channel is None and beside is None:
        return Refused("unsupported", f"NotifyEvent {component}.{variable}")
    try:
        number = quantity(said, beside[1] if beside else None).value
    except UnitError as error:
        return Refused("value", f"{component}.{variable}: {error}")
    return Value(port, at, beside[0], number) if beside else Reading(port, at, {str(channel): number})
