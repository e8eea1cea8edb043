"""The physics of a charger as features: what is observed, of what it is a linear function, how exactly, and what would matter.

A feature is a table entry. Its function picks the ticks it applies to and gives what was observed and the regressors of which
the port's own expectation is made (`expectation.py`); the residual on the bad side, in units of the accuracy that the
model can have there, is judged by `tail.py`. `matters` is the residual below which nobody should be sent, however
significant it is; it comes from sensor classes and the field, not from any data set.
"""

from typing import Final

import numpy as np

from models.anomaly.arrays import Bools, Float32
from models.anomaly.feature import ABOVE, BELOW, BOTH, Feature, Sample, make_sample
from models.anomaly.situation import AC, DC, Situation


def contact(s: Situation) -> Sample | None:
    """Connector above its surroundings against the filtered squared current: rises with the contact's resistance.

    The surroundings are the ambient temperature. Where the port tells none: of an AC port its cabinet (with the station's load
    to explain what that adds); of others, whose fans make a cabinet follow no simple law, and of AC ports without such a
    sensor, the connector itself when it last had cooled down.
    """
    if "temp_connector" not in s.ticks.mean:
        return None
    inside = s.ticks.channel("temp_internal")
    by_cabinet = np.isnan(s.ambient) & np.isfinite(inside) & (s.kind == AC)
    proxy = np.isnan(s.ambient) & ~by_cabinet
    around = np.where(by_cabinet, inside, np.where(proxy, s.cool, s.ambient))
    y = s.ticks.mean["temp_connector"] - around
    accuracy = 1.0 + 2.0 * proxy + 40.0 * s.unknown * s.charging
    matters = np.where(proxy, 12.0, 8.0)
    phi = [np.ones(len(y)), *s.heat, *(s.load * by_cabinet)]
    return make_sample(np.isfinite(s.current), y, phi, accuracy, matters, s.charging, s.charging)


def cabinet(s: Situation) -> Sample | None:
    """Cabinet above ambient against what station and port have drawn: rises when fan or filter fail."""
    if "temp_internal" not in s.ticks.mean:
        return None
    y = s.ticks.mean["temp_internal"] - s.ambient
    accuracy = 1.5 + 30.0 * s.unknown * s.charging
    phi = [np.ones(len(y)), *s.load, s.heat[1], s.heat[3], s.ambient / 20.0]
    return make_sample(np.isfinite(y), y, phi, accuracy, 8.0, _loaded(s), ~s.renewed)


_BENDS: Final = (25.0, 30.0, 35.0, 40.0, 45.0)
"""Cabinet temperatures, degC, at which the expected fan speed may bend: fans are told to start and to end somewhere there."""


def _loaded(s: Situation) -> Bools:
    """Where the station is warm of what any of its ports draws or drew."""
    return np.asarray(s.load.max(axis=0) > 0.02)


def fan(s: Situation) -> Sample | None:
    """Fan speed (1,000/min) against cabinet temperature and load: falls behind when the fan wears or is blocked."""
    if not {"fan_rpm", "temp_internal"} <= s.ticks.mean.keys():
        return None
    y = s.ticks.mean["fan_rpm"] / 1_000.0
    inside = s.ticks.mean["temp_internal"]
    bends = [np.maximum(inside - bend, 0) / 10.0 for bend in _BENDS]
    phi = [np.ones(len(y)), inside / 20.0, *bends, s.load[0]]
    return make_sample(np.isfinite(inside), y, phi, 0.15, 0.3, _loaded(s), ~s.renewed)


def delivery(s: Situation) -> Sample | None:
    """Share of the requested (offered, rated) current that is not delivered, once settled: steps up with a lost module."""
    if "current" not in s.ticks.mean or not s.requested.any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.where(s.limit > 0, 1.0 - s.ticks.mean["current"] / s.limit, np.nan)
    y = np.maximum(y, -0.01).astype(np.float32)  # a falling request is followed late, which is no merit
    settled = (s.since_start > 60.0) & (s.since_step > 15.0)
    enough = s.requested & (s.limit > np.maximum(0.1 * s.rated, 5.0)) & (s.current > _NOTHING * s.limit)
    return make_sample(settled & enough, y, [np.ones(len(y))], 0.01, 0.07, s.charging)


_NOTHING: Final = 0.03
"""Share of what was asked for below which nothing flows: then it is no matter of how much."""


def refusal(s: Situation) -> Sample | None:
    """Whether nothing flows (1) where current is offered or asked for."""
    if "current" not in s.ticks.mean or not s.offered.any():
        return None
    wanted = s.offered & (s.limit > np.maximum(0.05 * s.rated, 4.0)) & np.isfinite(s.current)
    y = np.where(s.current > _NOTHING * s.limit, 0.0, 1.0)
    return make_sample(wanted, y, [np.ones(len(y))], 0.1, 0.6, wanted)


def supply(s: Situation) -> Sample | None:
    """Line voltage in units of 230 V against the load of port and station: the supply sags or swells."""
    volts = _line_voltage(s)
    if volts is None:
        return None
    share = np.nan_to_num(s.current) / s.rated
    return make_sample(
        volts > 60.0, volts / 230.0, [np.ones(len(share)), share, s.station_load], 0.01, 0.08, s.charging
    )


def _line_voltage(s: Situation) -> Float32 | None:
    lines = [s.ticks.mean[f"voltage_l{i}"] for i in (1, 2, 3) if f"voltage_l{i}" in s.ticks.mean]
    if lines:
        return np.asarray(np.fmax.reduce(lines), np.float32)
    if "voltage" not in s.ticks.mean or not (s.kind == AC).any():
        return None
    return np.where(s.kind == AC, s.ticks.mean["voltage"], np.float32(np.nan)).astype(np.float32)


def phase(s: Situation) -> Sample | None:
    """How far the lowest of three line voltages lies under the highest: a phase is lost or weak."""
    if not all(f"voltage_l{i}" in s.ticks.mean for i in (1, 2, 3)):
        return None
    lines = np.stack([s.ticks.mean[f"voltage_l{i}"] for i in (1, 2, 3)])
    high, low = lines.max(axis=0), lines.min(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.where(high > 60.0, 1.0 - low / high, np.nan).astype(np.float32)
    return make_sample(np.isfinite(y), y, [np.ones(len(y))], 0.01, 0.08, s.charging)


def meter(s: Situation) -> Sample | None:
    """Register against integrated power over ten minutes, as a share: the meter sticks or counts wrongly."""
    have = np.isfinite(s.ticks.energy)
    if not have.any():
        return None
    drawn = np.maximum(s.integrated, 200.0)
    y = np.where(s.integrated > 200.0, s.register / drawn - 1.0, np.nan).astype(np.float32)
    accuracy = 0.01 + (30.0 + 2.0 * s.unsure) / drawn
    return make_sample(have & (s.since_start > 300.0) & s.charging, y, [np.ones(len(y))], accuracy, 0.06, s.charging)


def balance(s: Situation) -> Sample | None:
    """Measured power against voltage times current, as a share: one of the three sensors is wrong."""
    if not {"power", "voltage", "current"} <= s.ticks.mean.keys():
        return None
    m = s.ticks.mean
    product = m["voltage"] * m["current"]
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where(s.kind == DC, 1.0, np.clip(np.rint(m["power"] / product), 1, 3))
        y = (m["power"] / (product * times) - 1.0).astype(np.float32)
    enough = (
        s.charging & (m["current"] > np.maximum(0.1 * s.rated, 4.0)) & (m["voltage"] > 60.0) & (s.since_step > 15.0)
    )
    return make_sample(enough, y, [np.ones(len(y))], 0.01, 0.08, s.charging)


def weld(s: Situation) -> Sample | None:
    """Voltage on a DC output that nobody has asked for since half a minute: a contactor is welded (60 V are the limit)."""
    if "voltage" not in s.ticks.mean or not (s.kind == DC).any():
        return None
    y = np.abs(s.ticks.mean["voltage"])
    idle = (s.kind == DC) & ~s.charging & ~s.offered & (s.since_stop > 30.0)
    return make_sample(idle, y, [np.ones(len(y))], 3.0, 60.0, s.charging)


FEATURES: Final[tuple[Feature, ...]] = (
    Feature("contact", "temp_connector", "K", 1.0, ABOVE, 8, contact,
            (("contact_wear", 0.88), ("cooling", 0.04), ("degraded", 0.03)),
            "connector {residual:.0f} K warmer than its current explains"),
    Feature("cabinet", "temp_internal", "K", 1.0, ABOVE, 7, cabinet,
            (("cooling", 0.82), ("power_module", 0.08), ("degraded", 0.05)),
            "cabinet {residual:.0f} K warmer than its load explains", firmware=True),
    Feature("fan", "fan_rpm", "1/min", 1_000.0, BELOW, 8, fan,
            (("cooling", 0.92), ("controller", 0.03)),
            "fan {residual:.0f} /min slower than its temperature asks for", bounded=True, share=0.15, firmware=True),
    Feature("delivery", "current", "%", 100.0, ABOVE, 1, delivery,
            (("power_module", 0.75), ("degraded", 0.12), ("interop", 0.05)),
            "{residual:.0f} % less current than requested and offered", lasting=6),
    Feature("refusal", "current", "%", 100.0, ABOVE, 1, refusal,
            (("degraded", 0.75), ("power_module", 0.1), ("interop", 0.1)),
            "nothing flows although current is offered", lasting=12),
    Feature("supply", "voltage", "%", 100.0, BOTH, 3, supply,
            (("supply", 0.92), ("meter", 0.03)),
            "supply voltage {residual:.0f} % of nominal off its usual level"),
    Feature("phase", "voltage_l1", "%", 100.0, ABOVE, 1, phase,
            (("supply", 0.92), ("contactor", 0.04)),
            "line voltages {residual:.0f} % further apart than usual"),
    Feature("meter", "energy", "%", 100.0, BOTH, 1, meter,
            (("meter", 0.93),),
            "register {residual:.0f} % off the integrated power"),
    Feature("balance", "power", "%", 100.0, BOTH, 1, balance,
            (("meter", 0.8), ("degraded", 0.08), ("supply", 0.06)),
            "power {residual:.0f} % off voltage times current"),
    Feature("weld", "voltage", "V", 1.0, ABOVE, 1, weld,
            (("contactor", 0.9), ("degraded", 0.03)),
            "{residual:.0f} V on the output that nobody has asked for"),
)  # fmt: skip


def _rare(_: Situation) -> Sample | None:
    """No sample of ticks: what such a feature is judged on comes on its own."""
    return None


def _value(
    name: str, channel: str, unit: str, side: int, families: tuple[tuple[str, float], ...], says: str
) -> Feature:
    """Of values outside the canonical channels, for which `values.py` makes the samples: few, so two in a row last."""
    return Feature(name, channel, unit, 1.0, side, 1, _rare, families, says, lasting=2)


VALUES: Final[tuple[Feature, ...]] = (
    _value("isolation", "isolation", "log10 kOhm", BELOW, (("isolation", 0.93), ("ground_fault", 0.03)),
           "isolation resistance {residual:.1f} powers of ten under its usual"),
    _value("pilot", "pilot_voltage", "V", BOTH, (("pilot", 0.9), ("cable", 0.03)),
           "pilot voltage {residual:.1f} V off its usual"),
    _value("lock", "lock_retries", "1", ABOVE, (("lock", 0.92),), "{residual:.0f} more tries to lock than usual"),
    _value("closing", "contactor_delay", "ms", ABOVE, (("contactor", 0.9),),
           "contactor {residual:.0f} ms slower than usual"),
    _value("leakage", "residual_current", "mA", ABOVE, (("ground_fault", 0.85), ("isolation", 0.1)),
           "residual current {residual:.1f} mA above its usual"),
    _value("idle_output", "output_voltage_idle", "V", ABOVE, (("contactor", 0.9), ("degraded", 0.03)),
           "{residual:.0f} V on the output that nobody has asked for"),
    _value("signal", "rssi", "dBm", BELOW, (("communication", 0.95),), "modem hears {residual:.0f} dB less than usual"),
    _value("memory", "free_memory", "log10 kB", BELOW, (("controller", 0.95),),
           "free memory {residual:.1f} powers of ten under its usual"),
)  # fmt: skip


def _told(channel: str, family: str, missing: bool) -> Feature:
    """A sign that lies in how `channel` is told; `signs.py` looks for it. The residual counts looks, one in ten minutes."""
    what = "is told no longer" if missing else "stands still"
    return Feature(
        f"{channel}_{'missing' if missing else 'stuck'}", channel, "looks", 1.0, ABOVE, 1, _rare,
        ((family, 0.85), ("controller", 0.08)), f"{channel} {what}, {{residual:.0f}} looks in a row",
    )  # fmt: skip


SIGNS: Final[tuple[Feature, ...]] = (
    *(_told(c, "sensor", True) for c in ("temp_connector", "temp_internal", "temp_ambient", "fan_rpm")),
    *(_told(c, "meter", True) for c in ("energy", "current")),
    *(_told(c, "sensor", False) for c in ("temp_connector", "temp_internal", "temp_ambient")),
    _told("voltage_l1", "meter", False),
    Feature("pace", "", "looks", 1.0, ABOVE, 1, _rare, (("communication", 0.7), ("controller", 0.2)),
            "readings come at less than half their usual pace, {residual:.0f} looks in a row"),
)  # fmt: skip
"""What `signs.py` looks for; the pace stands last."""
DOINGS: Final[tuple[Feature, ...]] = (
    Feature("restarts", "", "1/day", 1.0, ABOVE, 1, _rare, (("controller", 0.9),),
            "{residual:.0f} restarts within a day"),
    Feature("links", "", "1/day", 1.0, ABOVE, 1, _rare, (("communication", 0.92),),
            "link broken {residual:.0f} times within a day"),
    Feature("flaps", "", "1/day", 1.0, ABOVE, 1, _rare, (("pilot", 0.75), ("cable", 0.1), ("interop", 0.1)),
            "charging suspended and resumed at once {residual:.0f} times within a day"),
    Feature("starts", "", "1", 1.0, ABOVE, 1, _rare, (("payment", 0.75), ("controller", 0.1), ("interop", 0.05)),
            "{residual:.0f} visitors turned away without a start"),
    Feature("charges", "", "1", 1.0, ABOVE, 1, _rare, (("degraded", 0.7), ("power_module", 0.1), ("interop", 0.1)),
            "{residual:.0f} charges without energy"),
    Feature("handshakes", "", "1", 1.0, ABOVE, 1, _rare, (("interop", 0.7), ("degraded", 0.15)),
            "{residual:.0f} charges that ended at once, without energy"),
)  # fmt: skip
"""What `doings.py` follows in events."""
BY_FEATURE: Final = {f.name: f for f in (*FEATURES, *VALUES, *SIGNS, *DOINGS)}
