"""The ladder: remedies one after another, and the order falls to a crew when the last one did not help."""

from datetime import datetime, timedelta
from typing import Final

from control import commands
from control.change_log import LADDER, note
from control.jobs import defer
from control.queries import Connection, Row, one, row, rows
from control.rules.remedies import REMEDIES, next_fix, plan
from control.settings import ControlSettings
from control.work_orders import locked, move
from schemas.faults import catalogue
from schemas.work import ACTIVE, CommandState, OrderState

_ANSWERS: Final[dict[str, CommandState]] = {"accepted": "accepted", "rejected": "rejected", "expired": "expired"}
_DANGERS: Final = sorted(family.name for family in catalogue().values() if family.safety)


def begin(conn: Connection, settings: ControlSettings, order: Row, actor: str, now: datetime) -> Row:
    """Send the measures of a new order and, if it is in a remote attempt, its first fix."""
    _measures(conn, settings, order, actor, now)
    return advance(conn, settings, order, now) if order["state"] == OrderState.REMOTE_ATTEMPT else order


def protect(conn: Connection, settings: ControlSettings, order: Row, actor: str, now: datetime) -> None:
    """Take the port of an active order out of service if the order is about a danger that is there and the port is not out.

    Putting it back is withdrawn if that did not leave yet.
    """
    if not catalogue()[order["family"]].safety or order["predicted_at"] is not None:
        return
    last = row(conn, "out_of_service", port=order["port"])
    if last is not None and last["name"] == "available" and last["state"] == "pending":
        commands.mark(conn, last, "withdrawn", now)
        last = row(conn, "out_of_service", port=order["port"])
    if last is None or last["name"] != "unavailable":
        _measures(conn, settings, order, actor, now)


def _measures(conn: Connection, settings: ControlSettings, order: Row, actor: str, now: datetime) -> None:
    family = catalogue()[order["family"]]
    why = (
        "safety: nobody shall charge here"
        if family.safety
        else f"{family.title.lower()}: spare it until somebody comes"
    )
    for remedy in plan(family).measures:
        commands.issue(
            conn, settings, remedy, order=order, incident=None, actor=actor, why=why, now=now, safety=family.safety
        )


def advance(conn: Connection, settings: ControlSettings, order: Row, now: datetime) -> Row:
    """The next fix of an order in a remote attempt; when none is left, the order is open for a crew."""
    if order["state"] != OrderState.REMOTE_ATTEMPT:
        return order
    tried = [c for c in _fixes(conn, order) if c["created_at"] >= order["state_since"]]
    remedy = next_fix(catalogue()[order["family"]], {c["name"] for c in tried})
    if remedy is None:
        said = ", ".join(f"{REMEDIES[c['name']].title.lower()} {c['state']}" for c in tried)
        reason = f"tried remotely without success: {said}" if said else "no remote remedy is known for this fault"
        return move(conn, settings, order, OrderState.OPEN, LADDER, now, reason=reason)
    commands.issue(
        conn, settings, remedy, order=order, incident=None, actor=LADDER, why="before a truck rolls", now=now
    )
    return order


def answered(conn: Connection, settings: ControlSettings, command: Row, result: str, info: str, now: datetime) -> None:
    """Take the answer of a station: wait for an accepted remedy to show, else go on with the next."""
    marked = commands.mark(conn, command, _ANSWERS.get(result, "failed"), now, info)
    if marked["state"] == "accepted":
        defer(
            conn,
            "judge_remedy",
            at=now + timedelta(seconds=settings.verify_after_s),
            command_id=str(command["command_id"]),
        )
    else:
        _next(conn, settings, command, now)


def gave_up(
    conn: Connection, settings: ControlSettings, command: Row, state: CommandState, because: str, now: datetime
) -> None:
    """A command that was not sent, or never answered: mark it and go on with the next."""
    commands.mark(conn, command, state, now, because)
    _next(conn, settings, command, now)


def judge(conn: Connection, settings: ControlSettings, command: Row, now: datetime) -> None:
    """Some time after a remedy was accepted: if its order is still in the remote attempt, it did not help."""
    if command["state"] != "accepted" or command["order_id"] is None:
        return
    order = locked(conn, command["order_id"])
    if order["state"] == OrderState.REMOTE_ATTEMPT:
        text = f"{REMEDIES[command['name']].title}: accepted, but the alert goes on"
        note(conn, LADDER, "remedy", text, at=now, order=order["order_id"])
        _next(conn, settings, command, now)


def _next(conn: Connection, settings: ControlSettings, command: Row, now: datetime) -> None:
    if command["order_id"] is not None and REMEDIES[command["name"]].fixes:
        order = locked(conn, command["order_id"])
        if _fixes(conn, order)[-1]["command_id"] == command["command_id"]:
            advance(conn, settings, order, now)


def _fixes(conn: Connection, order: Row) -> list[Row]:
    """The fixes that were issued for an order, in order."""
    sent = rows(conn, "commands_of_order", order_id=order["order_id"])
    return [command for command in sent if REMEDIES[command["name"]].fixes]


def withdraw(conn: Connection, order: Row, now: datetime) -> None:
    """Take back fixes that did not leave yet: people have taken over, or there is nothing left to mend."""
    for command in rows(conn, "commands_pending", order_id=order["order_id"]):
        if REMEDIES[command["name"]].fixes or OrderState(order["state"]) not in ACTIVE:
            commands.mark(conn, command, "withdrawn", now)


def back_in_service(conn: Connection, settings: ControlSettings, order: Row, actor: str, now: datetime) -> None:
    """Undo what control switched off: a port left unavailable would stay so for good, through every reboot.

    Not while another order at the port is about a danger: then the port stays out for that one.
    """
    danger = row(conn, "order_of_danger", port=order["port"], families=_DANGERS)
    if danger is not None:
        protect(conn, settings, danger, actor, now)
        return
    last = row(conn, "out_of_service", port=order["port"])
    if last is not None and last["name"] == "unavailable":
        commands.issue(
            conn,
            settings,
            REMEDIES["available"],
            order=order,
            incident=None,
            actor=actor,
            why="the work is done",
            now=now,
        )


def was_remedied(conn: Connection, order: Row) -> bool:
    """Whether a station accepted a fix for this order that was not judged in vain: the last of a remote attempt that goes on."""
    fixes = _fixes(conn, order)
    if order["state"] != OrderState.REMOTE_ATTEMPT or not fixes:
        return False
    last = fixes[-1]
    tried_now = last["created_at"] >= order["state_since"]
    return tried_now and last["state"] == "accepted" and not REMEDIES[last["name"]].asks


def lock_command(conn: Connection, command_id: object) -> Row:
    """The command, with its station's lock and its row locked until the transaction ends."""
    known = one(conn, "command_station", command_id=command_id)
    commands.lock_station(conn, known["station"])
    return one(conn, "command_of_id", command_id=command_id)
