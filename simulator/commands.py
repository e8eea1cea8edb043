"""Commands to a live station (`to/command`): checked where they are executed, each answered once and the same when repeated."""

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import structlog
from pydantic import ValidationError

from schemas.messages import Command
from simulator import behaviour
from simulator.ports import US
from simulator.speak.message import command_result

if TYPE_CHECKING:
    from simulator.live import LiveFleet

log = structlog.get_logger(__name__)

CURED_BY_RESET: Final = ("restarts", "reader_dead", "refuses")
"""Faults that a reset mends: software, not copper."""
_PERCENT: Final = 50.0
_DERATED_S: Final = 3_600.0
_LONGEST_S: Final = 7 * 86_400.0
_REMEMBERED_S: Final = 3_600.0
"""How long after a command expired its answer is kept, for repeats that are late; in all at most a week."""


def execute(fleet: "LiveFleet", station: str, payload: bytes) -> None:
    """Do what `payload` asks of `station`, or say why not. What is no command at all is logged and not answered."""
    try:
        command = Command.model_validate_json(payload)
    except ValidationError as error:
        log.warning("simulator: not a command", station=station, why=str(error).splitlines()[0])
        return
    index = next((i for i, m in enumerate(fleet.mouths) if m.station.station == station), None)
    if index is None or not fleet.mouths[index].up:
        return
    if command.id not in fleet.answered:
        fleet.answered[command.id] = _done(fleet, index, command)
        lasts = min(max(command.expires_at * 1000 - fleet.now, 0) + int(_REMEMBERED_S * US), int(_LONGEST_S * US))
        fleet.at(fleet.now + lasts, partial(_forget, fleet, command.id))
    result, _, info = fleet.answered[command.id].partition(" ")
    mouth = fleet.mouths[index]
    at = fleet.instant(index)
    mouth.say(at, [command_result(at, command.port, command.id, result, info)])


def _forget(fleet: "LiveFleet", command: str) -> None:
    del fleet.answered[command]


def _done(fleet: "LiveFleet", station: int, command: Command) -> str:
    """Execute; the result and, after a space, why."""
    if command.expires_at * 1000 < fleet.now:
        return "expired"
    ports = fleet.world.fleet.ports_of(fleet.mouths[station].station.station)
    mine = [p for p in ports if command.port in (0, fleet.number(p))]
    if not mine:
        return f"rejected there is no port {command.port}"
    if command.name == "trigger_status":
        fleet.mouths[station].say(fleet.instant(station), behaviour.current_statuses(fleet, station))
        return "accepted"
    if command.name in ("soft_reset", "hard_reset"):
        return _reset(fleet, station, ports, command.name == "hard_reset")
    if command.name == "unlock":
        return _unlock(fleet, mine)
    if command.name == "derate":
        return _derate(fleet, mine, command.params)
    return _set_availability(fleet, mine, command.name == "available")


def _reset(fleet: "LiveFleet", station: int, ports: list[int], hard: bool) -> str:
    """A reset, a second from now, so that the answer goes out first. A soft one waits for nobody: it refuses while in use."""
    if not hard and any(fleet.moment.on[p] for p in ports):
        return "rejected a session is running"
    fleet.at(fleet.now + US, partial(_restart, fleet, station, hard))
    return "accepted"


def _restart(fleet: "LiveFleet", station: int, hard: bool) -> None:
    behaviour.restart(fleet, station, "remote_reset", "hard_reset" if hard else "soft_reset", hard)
    ports = set(fleet.world.fleet.ports_of(fleet.mouths[station].station.station))
    for fault in fleet.faults.faults:
        if fault.variant in CURED_BY_RESET and fault.active(fleet.now) and ports & set(fleet.faults.rows(fault)):
            behaviour.mend(fleet, fault)


def _unlock(fleet: "LiveFleet", ports: list[int]) -> str:
    jammed = [p for p in ports if behaviour.is_there(fleet, p, "lock")]
    if jammed:
        return "failed the lock does not move"
    for port in ports:
        if fleet.moment.on[port]:
            fleet.guests.end_session(port, "unlock_command")
            fleet.say_status(port, "finishing")
    return "accepted"


def _derate(fleet: "LiveFleet", ports: list[int], params: dict[str, Any]) -> str:
    percent, seconds = params.get("percent", _PERCENT), params.get("seconds", _DERATED_S)
    known = isinstance(percent, int | float) and isinstance(seconds, int | float)
    if not known or not 0 <= percent <= 100 or not 0 < seconds <= _LONGEST_S:
        return "rejected percent must be 0 to 100, seconds above 0 and at most a week"
    until = fleet.now + int(seconds * US)
    for port in ports:
        fleet.moment.state.allowed[port] = percent / 100
        fleet.derated[port] = until
        fleet.at(until, partial(_allow, fleet, port, until))
    return "accepted"


def _allow(fleet: "LiveFleet", port: int, until: int) -> None:
    """A derating ends, unless another has taken its place."""
    if fleet.derated.get(port) == until:
        del fleet.derated[port]
        fleet.moment.state.allowed[port] = 1.0


def _set_availability(fleet: "LiveFleet", ports: list[int], available: bool) -> str:
    for port in ports:
        if available:
            fleet.closed.discard(port)
        else:
            fleet.closed.add(port)
        if fleet.moment.visits[port] is None and port not in fleet.barred:
            fleet.say_status(port, "available" if available else "unavailable")
    return "accepted"
