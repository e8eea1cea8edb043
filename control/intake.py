"""The intake: alerts from Kafka, each taken in one transaction, then the offset.

Offsets are committed to the group after the database has the alert, so an alert may come twice and never not at all; the
inbox makes the second time harmless. Partitions are assigned and not subscribed to, so a restart goes on at once instead of
waiting for the group to notice; one intake a deployment is held by an advisory lock that dies with its connection.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import confluent_kafka as ck
import psycopg
import structlog
from pydantic import ValidationError

from connectors.kafka import KafkaSettings, KafkaUnreachableError, check_message, consumer, watermarks
from connectors.timescale.pool import advisory_key, connect
from connectors.timescale.settings import DatabaseSettings
from control.metrics import ALERT_AGE, ALERTS, REJECTS
from control.queries import Connection, run
from control.settings import ControlSettings
from control.take import UnknownFamilyError, take
from schemas.alerts import Alert

log = structlog.get_logger(__name__)

GROUP: Final = "control"
AWAY: Final = (psycopg.OperationalError, psycopg.InterfaceError)
"""The database, not the alert, is the matter: wait and take it again."""
_POLL_S: Final = 0.2
_ASKED_S: Final = 3.0  # a question to Kafka is asked again after this, so that a stop is heard meanwhile
_BATCH: Final = 500
_KEPT_BYTES: Final = 65_536
_TAKEOVER_S: Final = 10.0
_PAUSE_S: Final = 1.0


class SecondIntakeError(RuntimeError):
    """Another control of this deployment takes the alerts already."""


class Intake:
    """Takes the alerts of one deployment until it is told to stop."""

    def __init__(
        self,
        database: DatabaseSettings,
        kafka: KafkaSettings,
        settings: ControlSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database, self._settings, self._clock = database, settings, clock
        self._kafka = kafka.model_copy(update={"timeout_s": min(kafka.timeout_s, _ASKED_S)})
        self._waiting: deque[ck.Message] = deque()

    def run(self, stop: threading.Event) -> None:
        """Take alerts until `stop`. A database that goes away is waited for, with the alert in hand; SecondIntakeError if
        another intake runs, KafkaError for what waiting will not mend."""
        client = consumer(self._kafka, GROUP)
        try:
            self._assign(client, stop)
            while not stop.is_set():
                try:
                    self._work(client, stop)
                except AWAY as error:
                    log.warning("the database is away, trying again", error=str(error))
                    stop.wait(_PAUSE_S)
        finally:
            client.close()

    def _assign(self, client: ck.Consumer, stop: threading.Event) -> None:
        """Go on after what was committed, at the beginning where nothing was; Kafka is waited for."""
        topic = self._kafka.topics.alerts
        parts = [ck.TopicPartition(topic, p) for p in range(self._kafka.partitions)]
        while not stop.is_set():
            try:
                committed = client.committed(parts, timeout=self._kafka.timeout_s)
                client.assign([self._position(client, part) for part in committed])
            except (ck.KafkaException, KafkaUnreachableError) as error:
                log.warning("the alert topic cannot be read yet, trying again", topic=topic, error=str(error))
                stop.wait(_PAUSE_S)
            else:
                return

    def _position(self, client: ck.Consumer, part: ck.TopicPartition) -> ck.TopicPartition:
        low, high = watermarks(client, self._kafka, part.topic, part.partition)
        if 0 <= part.offset < low:
            log.warning(
                "alerts were deleted before they were taken: all of them were history",
                missing=low - part.offset,
                partition=part.partition,
            )
        known = low <= part.offset <= high
        return ck.TopicPartition(part.topic, part.partition, part.offset if known else low)

    def _work(self, client: ck.Consumer, stop: threading.Event) -> None:
        with connect(self._database, application="chargewell control intake") as conn:
            _alone(conn, self._database.namespace, stop)
            while not stop.is_set():
                if not self._waiting:
                    found = client.consume(_BATCH, _POLL_S)
                    self._waiting.extend(m for m in found if check_message(m, client, self._kafka))
                self._drain(conn, client, stop)

    def _drain(self, conn: Connection, client: ck.Consumer, stop: threading.Event) -> None:
        """Take what is waiting; commit how far it got, also when it stops in the middle."""
        done: dict[int, int] = {}
        try:
            while self._waiting and not stop.is_set():
                message = self._waiting[0]
                self.take(conn, message)
                done[message.partition() or 0] = (message.offset() or 0) + 1
                self._waiting.popleft()
        finally:
            if done:
                topic = self._kafka.topics.alerts
                client.commit(offsets=[ck.TopicPartition(topic, p, o) for p, o in done.items()], asynchronous=True)

    def take(self, conn: Connection, message: ck.Message) -> None:
        """Take one record; what cannot be taken is kept with its reason and holds nobody up. psycopg.OperationalError only."""
        now = self._clock()
        try:
            alert = Alert.model_validate_json(message.value() or b"")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            reason = "json" if first["type"] == "json_invalid" else "schema"
            where = ".".join(str(part) for part in first["loc"])
            self._reject(conn, message, reason, f"{where}: {first['msg']}" if where else first["msg"], now)
            return
        try:
            outcome = take(conn, self._settings, alert, now)
        except UnknownFamilyError as error:
            self._reject(conn, message, "family", str(error), now)
        except AWAY:
            raise
        except Exception as error:
            log.exception("an alert could not be taken", alert=alert.id, revision=alert.revision)
            self._reject(conn, message, "defect", f"{type(error).__name__}: {error}", now)
        else:
            ALERTS.labels(outcome).inc()
            ALERT_AGE.set((now - alert.at()).total_seconds())

    def _reject(self, conn: Connection, message: ck.Message, reason: str, detail: str, now: datetime) -> None:
        run(
            conn,
            "inbox_reject",
            topic=message.topic(),
            shard=message.partition(),
            origin=message.offset(),
            received_at=now,
            key=_text(message.key() or b"")[:200],
            reason=reason,
            detail=detail.replace("\x00", "\ufffd")[:2_000],
            body=(message.value() or b"")[:_KEPT_BYTES],
        )
        REJECTS.labels(reason).inc()
        log.warning("an alert record was set aside", reason=reason, detail=detail, offset=message.offset())


def _text(raw: bytes | str) -> str:
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return text.replace("\x00", "\ufffd")


def _alone(conn: Connection, namespace: str, stop: threading.Event) -> None:
    """Hold the deployment's lock for as long as `conn` lives; a lock whose owner just died is waited for a little."""
    key = advisory_key("control intake", namespace)
    end = time.monotonic() + _TAKEOVER_S
    while not _try_lock(conn, key):
        if stop.wait(0.2):
            return
        if time.monotonic() > end:
            raise SecondIntakeError(
                "another control of this deployment takes the alerts already: stop it first, or give this one another namespace"
            )


def _try_lock(conn: Connection, key: int) -> bool:
    found = conn.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
    return found is not None and bool(found[0])
