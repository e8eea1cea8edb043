"""The ladder: remedies one after another, and the order falls to a crew when the last one did not help."""

from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from control import commands
from control.change_log import LADDER, note
from control.jobs import defer
from control.queries import Connection, Row, one, row, rows
from control.rules.remedies import REMEDIES, next_fix, pause, plan
from control.settings import ControlSettings
from control.work_orders import locked, move
from schemas.faults import catalogue
from schemas.work import ACTIVE, CommandState, OrderState

_ANSWERS: Final[dict[str, CommandState]] = {"accepted": "accepted", "rejected": "rejected", "expired": "expired"}
_IN_VAIN: Final = frozenset({"rejected", "failed", "expired", "refused"})
_DANGERS: Final = sorted(family.name for family in catalogue().values() if family.safety)


def begin(conn: Connection, settings: ControlSettings, order: Row, actor: str, now: datetime) -> Row:
    """Send the measures of a new order and, if it is in a remote attempt, its first fix."""
    _measures(conn, settings, order, actor, now)
    return advance(conn, settings, order, now) if order["state"] == OrderState.REMOTE_ATTEMPT else order


def protect(
    conn: Connection,
    settings: ControlSettings,
    order: Row,
    actor: str,
    now: datetime,
    *,
    after: timedelta = timedelta(),
) -> None:
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
        _measures(conn, settings, order, actor, now, after)


def _measures(
    conn: Connection, settings: ControlSettings, order: Row, actor: str, now: datetime, after: timedelta = timedelta()
) -> None:
    family = catalogue()[order["family"]]
    why = (
        "safety: nobody shall charge here"
        if family.safety
        else f"{family.title.lower()}: spare it until somebody comes"
    )
    for remedy in plan(family).measures:
        commands.issue(
            conn,
            settings,
            remedy,
            order=order,
            incident=None,
            actor=actor,
            why=why,
            now=now,
            safety=family.safety,
            after=after,
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
    """Take the answer of a station: wait for an accepted fix to show; what was not accepted is followed by the next."""
    marked = commands.mark(conn, command, _ANSWERS.get(result, "failed"), now, info)
    if marked["state"] != "accepted":
        _next(conn, settings, command, now)
    elif REMEDIES[command["name"]].fixes:
        defer(
            conn,
            "judge_remedy",
            at=now + timedelta(seconds=settings.verify_after_s),
            command_id=str(command["command_id"]),
        )


def gave_up(
    conn: Connection, settings: ControlSettings, command: Row, state: CommandState, because: str, now: datetime
) -> None:
    """A command that was not sent, or never answered: mark it and go on with the next, or with the same measure later."""
    commands.mark(conn, command, state, now, because)
    _next(conn, settings, command, now)


def judge(conn: Connection, settings: ControlSettings, command: Row, now: datetime) -> None:
    """Some time after a fix was accepted: if its order is still in the remote attempt, it did not help. Measures are not judged."""
    if command["state"] != "accepted" or command["order_id"] is None or not REMEDIES[command["name"]].fixes:
        return
    order = locked(conn, command["order_id"])
    if order["state"] == OrderState.REMOTE_ATTEMPT:
        text = f"{REMEDIES[command['name']].title}: accepted, but the alert goes on"
        note(conn, LADDER, "remedy", text, at=now, order=order["order_id"])
        _next(conn, settings, command, now)


def _next(conn: Connection, settings: ControlSettings, command: Row, now: datetime) -> None:
    """After a command that was in vain: the next fix, or the measure again."""
    if command["order_id"] is None:
        return
    order = locked(conn, command["order_id"])
    if not REMEDIES[command["name"]].fixes:
        _again(conn, settings, order, command, now)
    elif _fixes(conn, order)[-1]["command_id"] == command["command_id"]:
        advance(conn, settings, order, now)


def _again(conn: Connection, settings: ControlSettings, order: Row, command: Row, now: datetime) -> None:
    """Try a measure that was in vain once more, after a pause that grows, while its order wants it."""
    sent = rows(conn, "commands_of_order", order_id=order["order_id"])
    same = [c for c in sent if c["name"] == command["name"]]
    if not _fits(command, order) or same[-1]["command_id"] != command["command_id"]:
        return
    vain = sum(1 for _ in takewhile(lambda c: c["state"] in _IN_VAIN, reversed(same)))
    after = pause(max(vain, 1), timedelta(seconds=settings.busy_retry_s))
    if command["name"] == "available":
        back_in_service(conn, settings, order, LADDER, now, after=after)
    elif command["safety"]:
        protect(conn, settings, order, LADDER, now, after=after)
    else:
        _measures(conn, settings, order, LADDER, now, after)


def _fits(measure: Row, order: Row) -> bool:
    """Whether a measure fits the state of its order: into service when the work is done, all others until then."""
    done = OrderState(order["state"]) not in ACTIVE
    return done is (str(measure["name"]) == "available")


def _fixes(conn: Connection, order: Row) -> list[Row]:
    """The fixes that were issued for an order, in order."""
    sent = rows(conn, "commands_of_order", order_id=order["order_id"])
    return [command for command in sent if REMEDIES[command["name"]].fixes]


def withdraw(conn: Connection, order: Row, now: datetime) -> None:
    """Take back what did not leave yet: fixes, as people have taken over or nothing is left to mend, and measures that do not
    fit the order's state any more."""
    for command in rows(conn, "commands_pending", order_id=order["order_id"]):
        if REMEDIES[command["name"]].fixes or not _fits(command, order):
            commands.mark(conn, command, "withdrawn", now)


def back_in_service(
    conn: Connection,
    settings: ControlSettings,
    order: Row,
    actor: str,
    now: datetime,
    *,
    after: timedelta = timedelta(),
) -> None:
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
            after=after,
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
