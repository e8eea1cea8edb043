"""What jobs do: send a command, judge a remedy, settle a credit, post a webhook. Each may be done twice without harm."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from procrastinate import App, BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job
from psycopg_pool import ConnectionPool

from control import commands, credits, ladder, webhooks
from control.change_log import CREDITS
from control.jobs import QUEUE, defer
from control.queries import Connection, Row, one
from control.rules.remedies import Refuse, Wait
from control.settings import ControlSettings
from schemas.work import CommandState

log = structlog.get_logger(__name__)

Send = Callable[[str, bytes], None]
"""Publish a payload on an MQTT topic and return once the broker took responsibility; raises if it did not."""


class CommandRetry(BaseRetryStrategy):
    """Every few seconds: the command's own expiry ends it, so no number of attempts is set."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """Soon, and less often with time."""
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=min(30, 1 + job.attempts)))


@dataclass(frozen=True)
class Effects:
    """The hands of control: what jobs need to act. `clock` gives the time in UTC."""

    pool: ConnectionPool[Connection]
    settings: ControlSettings
    send: Send
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def send_command(self, command_id: str) -> None:
        """Send a command if it may go out now; wait while a session runs; go on with the next remedy if it may not at all."""
        with self.pool.connection() as conn, conn.transaction():
            message = self._admitted(conn, UUID(command_id))
        if message is None:
            return
        self.send(*message)
        with self.pool.connection() as conn, conn.transaction():
            command = ladder.lock_command(conn, command_id)
            if command["state"] == "sending":
                commands.mark(conn, command, "sent", self.clock())

    def _admitted(self, conn: Connection, command_id: UUID) -> tuple[str, bytes] | None:
        """The message to send now, or None. `sending` is committed before it leaves: a reset counts even if we die then."""
        command, now = ladder.lock_command(conn, command_id), self.clock()
        if command["state"] not in ("pending", "sending"):
            return None
        if command["state"] == "sending" and now < command["expires_at"]:
            return commands.message(command)
        verdict = commands.admit(conn, self.settings, command, now)
        if isinstance(verdict, Refuse):
            state: CommandState = "expired" if now >= command["expires_at"] else "refused"
            ladder.gave_up(conn, self.settings, command, state, verdict.because, now)
            return None
        if isinstance(verdict, Wait):
            again = min(now + timedelta(seconds=self.settings.busy_retry_s), command["expires_at"])
            defer(conn, "send_command", at=again, command_id=str(command_id))
            return None
        return commands.message(commands.mark(conn, command, "sending", now))

    def judge_remedy(self, command_id: str) -> None:
        """Look whether an accepted remedy helped; if not, go on with the next."""
        with self.pool.connection() as conn, conn.transaction():
            ladder.judge(conn, self.settings, ladder.lock_command(conn, command_id), self.clock())

    async def settle_credit(self, credit_id: str) -> None:
        """Hand an approved credit to the payment provider: the receivers of `credit.approved`. Without one it stays
        approved, to be fetched and marked by the API."""
        credit = await asyncio.to_thread(self._credit, credit_id)
        hooks = [hook for hook in self.settings.webhooks if hook.wants("credit.approved")]
        if credit["state"] != "approved" or not hooks:
            return
        body = {"type": "credit.approved", "timestamp": credit["decided_at"].isoformat(), "data": credits.brief(credit)}
        for hook in hooks:
            await webhooks.post(hook, f"msg_{UUID(credit_id).hex}", body, self.settings.webhook_networks)
        await asyncio.to_thread(self._settled, credit_id)

    def _credit(self, credit_id: str) -> Row:
        with self.pool.connection() as conn:
            return one(conn, "credit_of_id", credit_id=credit_id)

    def _settled(self, credit_id: str) -> None:
        with self.pool.connection() as conn, conn.transaction():
            credits.settled(conn, UUID(credit_id), CREDITS, self.clock())

    async def post_webhook(self, hook: str, message_id: str, body: dict[str, Any]) -> None:
        """Post a message to the receiver of that name, if it is still there."""
        found = next((h for h in self.settings.webhooks if h.name == hook), None)
        if found is None:
            log.warning("a message for a webhook that is not in the settings any more was dropped", hook=hook)
            return
        await webhooks.post(found, message_id, body, self.settings.webhook_networks)


def register(app: App, effects: Effects) -> App:
    """Give `app` the tasks that `control.jobs.defer` names."""
    soon, patient = CommandRetry(), webhooks.Patience()
    app.task(name="control.send_command", queue=QUEUE, retry=soon)(effects.send_command)
    app.task(name="control.judge_remedy", queue=QUEUE, retry=soon)(effects.judge_remedy)
    app.task(name="control.settle_credit", queue=QUEUE, retry=patient)(effects.settle_credit)
    app.task(name="control.post_webhook", queue=QUEUE, retry=patient)(effects.post_webhook)
    return app
