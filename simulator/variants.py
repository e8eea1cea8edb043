"""The ways of failing that the simulator knows: family, signs, effect on the physics, effect on the behaviour.

Signatures follow the failure modes of the field's literature (docs/simulator.md).
"""

from dataclasses import dataclass
from typing import Final

from schemas.labels import Sign
from simulator import effects


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of failing.

    `kinds` and `phases` limit where it can happen; `station_wide` faults hit all ports of the station. `cut` is the OCPP
    stop reason (in snake case) when its start ends a running session, `error` and `code` what the status then says (1.6 error in snake
    case, ChargeX code). `behaviour` names what the live station does differently, beside the physics.
    """

    name: str
    family: str
    signs: tuple[Sign, ...]
    apply: effects.Apply | None = None
    kinds: tuple[str, ...] = ("ac", "dc")
    three_phase: bool = False
    modules: bool = False
    station_wide: bool = False
    cut: str = ""
    error: str = ""
    code: str = ""
    behaviour: str = ""


VARIANTS: Final[dict[str, Variant]] = {
    v.name: v
    for v in (
        Variant("contact_wear", "contact_wear", ("temperature",), effects.contact_wear),
        Variant("contact_burnt", "contact_wear", ("status", "code", "session"), cut="other", error="high_temperature", code="CX019"),
        Variant("fan_slow", "cooling", ("temperature", "other"), effects.slow_fan, kinds=("dc",), station_wide=True),
        Variant("filter_clogged", "cooling", ("temperature", "other"), effects.clogged_filter, kinds=("dc",), station_wide=True),
        Variant("module_lost", "power_module", ("current",), None, kinds=("dc",), modules=True),
        Variant("phase_lost", "supply", ("voltage", "current"), effects.lost_phase, three_phase=True, station_wide=True),
        Variant("sag", "supply", ("voltage",), effects.sag, station_wide=True),
        Variant("power_loss", "supply", ("status", "code", "session"), cut="power_loss", error="other_error", code="CX015"),
        Variant("meter_stuck", "meter", ("energy",), effects.stuck_register),
        Variant("meter_slow", "meter", ("energy",), effects.slow_register),
        Variant("sensor_stuck", "sensor", ("temperature",), effects.stuck_sensor),
        Variant("sensor_open", "sensor", ("temperature",), effects.open_sensor),
        Variant("contactor_slow", "contactor", ("other",), effects.slow_contactor),
        Variant("leakage", "ground_fault", ("other",), effects.leaking, kinds=("ac",)),
        Variant("lock_worn", "lock", ("other",), effects.worn_lock, kinds=("ac",)),
        Variant("memory_leak", "controller", ("other",), effects.leaking_memory, station_wide=True),
        Variant("signal_weak", "communication", ("other",), effects.weak_signal, station_wide=True),
        Variant("link_flaky", "communication", ("silence",), station_wide=True, behaviour="flaky"),
        Variant("isolation_low", "isolation", ("other",), effects.low_isolation, kinds=("dc",)),
        Variant("contactor_welded", "contactor", ("voltage",), effects.welded, kinds=("dc",)),
        Variant("contactor_stuck", "contactor", ("status", "code", "session"), cut="other", error="power_switch_failure", code="CX017"),
        Variant("derated", "degraded", ("current",), effects.derated),
        Variant("refuses", "degraded", ("current", "session"), effects.refused),
        Variant("pilot_drift", "pilot", ("other", "status"), effects.drifting_pilot, kinds=("ac",), behaviour="flap"),
        Variant("silent", "communication", ("silence",), station_wide=True, behaviour="silent"),
        Variant("emergency_stop", "emergency_stop", ("status", "code", "session"), cut="emergency_stop", error="other_error", code="CX008"),
        Variant("ground_fault", "ground_fault", ("status", "code", "session"), cut="ground_fault", error="ground_failure", code="CX002"),
        Variant("overcurrent_trip", "overcurrent", ("status", "code", "session"), cut="overcurrent_fault", error="over_current_failure", code="CX004"),
        Variant("cable_cut", "cable", ("status", "code", "session"), cut="other", error="other_error", code="CX026"),
        Variant("lock_jammed", "lock", ("status", "code", "other"), error="connector_lock_failure", code="CX001", behaviour="lock"),
        Variant("restarts", "controller", ("session", "silence", "other"), station_wide=True, behaviour="restart"),
        Variant("reader_dead", "payment", ("session", "other"), behaviour="no_start"),
        Variant("interop", "interop", ("status", "session"), error="ev_communication_error", behaviour="handshake"),
    )
}  # fmt: skip
"""Every way of failing that the simulator knows."""
