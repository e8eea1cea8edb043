"""What faults make a live station do, beside what they do to its physics: cuts, silence, restarts, flapping, jammed locks."""

from functools import partial
from typing import TYPE_CHECKING, Final

from simulator.faults import Fault
from simulator.ports import US
from simulator.speak.message import Message
from simulator.variants import VARIANTS

if TYPE_CHECKING:
    from simulator.arrivals import Visit
    from simulator.live import LiveFleet

DOWN_S: Final = 6
"""How long a station is away when it restarts."""
_RESTART_EVERY_S: Final = 30
_FLAP_EVERY_S: Final = 4
_HANDSHAKE_S: Final = 20
_AWAY_S: Final = 45
_FLICKER_S: Final = 600


def begin(fleet: "LiveFleet", fault: Fault) -> None:
    """`fault` is there from now on."""
    if not standing(fleet, fault):
        return
    variant = VARIANTS[fault.variant]
    if variant.cut:
        for port in fleet.faults.rows(fault):
            _cut(fleet, port, fault)
    if variant.behaviour == "silent":
        station = _station(fleet, fault)
        fleet.mouths[station].break_off(fleet.instant(station))
    if variant.behaviour == "restart":
        _crash(fleet, fault)
    if variant.behaviour == "flap":
        _flap(fleet, fault, True)
    if variant.behaviour == "flaky":
        _flicker(fleet, fault)


def end(fleet: "LiveFleet", fault: Fault) -> None:
    """`fault` is over: what it kept goes back to normal."""
    if VARIANTS[fault.variant].behaviour == "silent":
        _station_back(fleet, _station(fleet, fault))
    for port in [p for p, f in fleet.barred.items() if f.port == fault.port and f.variant == fault.variant]:
        del fleet.barred[port]
        fleet.guests.clear(port)


def mend(fleet: "LiveFleet", fault: Fault) -> None:
    """Somebody mended `fault` now, before its time."""
    fleet.faults = fleet.faults.ended(fault, fleet.now)
    end(fleet, fault)


def standing(fleet: "LiveFleet", fault: Fault) -> bool:
    """Whether `fault` is still there (it may have been mended)."""
    return any(
        (f.port, f.variant, f.start_us) == (fault.port, fault.variant, fault.start_us) and f.active(fleet.now)
        for f in fleet.faults.faults
    )


def is_there(fleet: "LiveFleet", port: int, behaviour: str) -> Fault | None:
    """The fault with this behaviour that acts on `port` now, if any."""
    for fault in fleet.faults.faults:
        if (
            VARIANTS[fault.variant].behaviour == behaviour
            and fault.active(fleet.now)
            and port in fleet.faults.rows(fault)
        ):
            return fault
    return None


def started(fleet: "LiveFleet", port: int, visit: "Visit") -> None:
    """A session has just started at `port`."""
    if is_there(fleet, port, "handshake"):
        variant = VARIANTS["interop"]
        fleet.moment.state.done[port] = True
        fleet.say_status(port, "suspended_ev", variant.error)
        fleet.at(fleet.now + _HANDSHAKE_S * US, partial(_give_up, fleet, port, visit))


def stopped(fleet: "LiveFleet", port: int) -> bool:
    """A session has just ended in good order at `port`; True where a jammed lock then keeps the plug."""
    fault = is_there(fleet, port, "lock")
    if fault is None:
        return False
    variant = VARIANTS[fault.variant]
    fleet.barred[port] = fault
    fleet.say_status(port, "faulted", variant.error, variant.code)
    return True


def restart(fleet: "LiveFleet", station: int, reason: str, stop_reason: str, hard: bool = False) -> None:
    """The station goes down and comes up again: sessions end with `stop_reason`, told afterwards unless `hard` loses it."""
    mouth = fleet.mouths[station]
    mouth.break_off(fleet.instant(station))
    for port in fleet.world.fleet.ports_of(mouth.station.station):
        if fleet.moment.on[port]:
            fleet.guests.end_session(port, stop_reason)
    if hard:
        mouth.forget()
    fleet.at(fleet.now + DOWN_S * US, partial(_station_back, fleet, station, reason))


def current_statuses(fleet: "LiveFleet", station: int) -> list[Message]:
    """What a station says of all its ports when it is asked or comes back."""
    mouth, said = fleet.mouths[station], []
    for port in fleet.world.fleet.ports_of(mouth.station.station):
        fault = fleet.barred.get(port)
        variant = VARIANTS[fault.variant] if fault else None
        status = fleet.moment.status[port]
        codes = (variant.error, variant.code) if variant and status == "faulted" else ("", "")
        said += mouth.speak.status(fleet.when(port), fleet.number(port), status, *codes)
    return said


def _station_back(fleet: "LiveFleet", station: int, boot_reason: str = "") -> None:
    mouth = fleet.mouths[station]
    if any(
        VARIANTS[f.variant].behaviour == "silent" and f.active(fleet.now) and _station(fleet, f) == station
        for f in fleet.faults.faults
    ):
        return
    if boot_reason:
        for port in fleet.world.fleet.ports_of(mouth.station.station):
            if fleet.moment.visits[port] is not None and not fleet.moment.on[port] and port not in fleet.barred:
                fleet.moment.status[port] = "finishing"
    at = fleet.instant(station)
    boot = mouth.speak.boot(at, boot_reason) if boot_reason else []
    mouth.come_back(at, [*boot, *current_statuses(fleet, station)])


def _station(fleet: "LiveFleet", fault: Fault) -> int:
    return int(fleet.world.columns.station[fleet.world.fleet.index[fault.port]])


def _cut(fleet: "LiveFleet", port: int, fault: Fault) -> None:
    variant = VARIANTS[fault.variant]
    fleet.barred[port] = fault
    if fleet.moment.on[port]:
        fleet.guests.end_session(port, variant.cut)
    fleet.say_status(port, "faulted", variant.error, variant.code)


def _crash(fleet: "LiveFleet", fault: Fault) -> None:
    if standing(fleet, fault):
        restart(fleet, _station(fleet, fault), "watchdog", "reboot")
        fleet.at(fleet.now + _RESTART_EVERY_S * US, partial(_crash, fleet, fault))


def _flicker(fleet: "LiveFleet", fault: Fault) -> None:
    """The link breaks for a while, again and again; the more often the worse."""
    if standing(fleet, fault):
        station = _station(fleet, fault)
        fleet.mouths[station].break_off(fleet.instant(station))
        fleet.at(fleet.now + _AWAY_S * US, partial(_station_back, fleet, station))
        fleet.at(fleet.now + int(_FLICKER_S / max(fault.severity, 0.05)) * US, partial(_flicker, fleet, fault))


def _flap(fleet: "LiveFleet", fault: Fault, away: bool) -> None:
    if standing(fleet, fault):
        for port in fleet.faults.rows(fault):
            if fleet.moment.on[port] and not fleet.moment.state.done[port]:
                fleet.say_status(port, "suspended_ev" if away else "charging")
        fleet.at(fleet.now + _FLAP_EVERY_S * US, partial(_flap, fleet, fault, not away))


def _give_up(fleet: "LiveFleet", port: int, visit: "Visit") -> None:
    if fleet.moment.visits[port] is visit and fleet.moment.on[port]:
        fleet.guests.end_session(port, "other")
        fleet.guests.clear(port)
