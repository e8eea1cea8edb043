"""Real services for the whole run, each started when a test first asks for it, and fresh names on them for each test.

CHARGEWELL_TEST_SERVICES=auto|installed|embedded chooses the set (default auto: installed where found, else embedded).
CHARGEWELL_REQUIRE_SERVICES=1 makes a missing service a failure; without it the tests that need it are skipped.
"""

import inspect
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg import sql
from psycopg.conninfo import make_conninfo

from chargewell.deployment import prepare
from chargewell.services import (
    KINDS,
    KafkaEndpoint,
    Kind,
    MqttEndpoint,
    PostgresEndpoint,
    ServiceError,
    Services,
    ServiceSettings,
    choose,
    start_all,
)
from chargewell.settings import CONFIG_VARIABLE, FlowSettings, Settings, load, write
from chargewell.wiring import at_services
from connectors.kafka import KafkaSettings, ensure_topics, retention_days
from connectors.timescale.migrate import migrate
from connectors.timescale.pool import Connection, connect
from connectors.timescale.roles import DISCOVERY, REGISTRY, TELEMETRY
from connectors.timescale.settings import DatabaseSettings

hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


def wait_until(done: Callable[[], object], state: Callable[[], object] | None = None, seconds: float = 60.0) -> None:
    """Return once `done()` is true; AssertionError with its source and `state()` when that takes longer than `seconds`.

    The limit ends a test that is broken; it is no measure of speed, so leave it, or raise it where much is started.
    It looks less and less often, twice a second in the end. What `done` raises ends the wait.
    """
    end, pause = time.monotonic() + seconds, 0.01
    while not done():
        if time.monotonic() >= end:
            told = "" if state is None else f"; at the end: {state()}"
            raise AssertionError(f"did not come about within {seconds:g} s: {inspect.getsource(done).strip()}{told}")
        time.sleep(pause)
        pause = min(1.5 * pause, 0.5)


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """`until(done, state=None, seconds=60)`: wait until `done()` is true, see `wait_until`. Tests wait on states, not for times."""
    return wait_until


@pytest.fixture(scope="session")
def in_order() -> Callable[[list[Any], list[Any]], None]:
    """`in_order(seen, wanted)`: messages of one publisher are all there, and in order; Artemis' known fault is an expected failure."""

    def check(seen: list[Any], wanted: list[Any]) -> None:
        assert sorted(seen) == sorted(wanted)
        if seen != wanted and choose("mqtt", _wanted()).provider.name == "artemis":
            pytest.xfail(
                "Artemis hands some messages of one publisher to a subscriber out of order (docs/adr/0004-bridge.md)"
            )
        assert seen == wanted

    return check


def _wanted() -> ServiceSettings:
    return ServiceSettings().forced(os.environ.get("CHARGEWELL_TEST_SERVICES", "auto"))


def pytest_report_header() -> str:
    """Which services this run uses (they start when a test first needs them)."""
    found = []
    for kind in KINDS:
        try:
            one = choose(kind, _wanted()).provider
            found.append(f"{one.version()} ({one.origin})")
        except ServiceError as problem:
            found.append(str(problem))
    return "services: " + ", ".join(found)


class RunServices:
    """The services of this test run; each kind starts on first use and ends with the run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Services] = []

    def start(self, kind: Kind) -> Services:
        """Start one kind; skip the asking test, or fail it where services are required, when there is none."""
        try:
            choose(kind, _wanted())
        except ServiceError as problem:
            if os.environ.get("CHARGEWELL_REQUIRE_SERVICES") == "1":
                pytest.fail(str(problem))
            pytest.skip(str(problem))
        one = start_all(self.folder / kind, _wanted(), kinds=(kind,))
        self.started.append(one)
        return one

    @cached_property
    def kafka(self) -> KafkaEndpoint:
        return self.start("kafka").kafka

    @cached_property
    def mqtt(self) -> MqttEndpoint:
        return self.start("mqtt").mqtt

    @cached_property
    def postgres(self) -> PostgresEndpoint:
        return self.start("postgres").postgres


@pytest.fixture(scope="session")
def service_settings() -> ServiceSettings:
    """The set of services this run uses, for tests that start services of their own."""
    return _wanted()


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunServices]:
    """`.kafka.bootstrap`, `.mqtt.host`, `.mqtt.port`, `.postgres.dsn`: real services, started on first use."""
    run = RunServices(tmp_path_factory.mktemp("services"))
    yield run
    for one in run.started:
        one.stop()
    shutil.rmtree(run.folder)


@pytest.fixture
def unique() -> str:
    """Eight letters and digits that no other test of any run uses: for namespaces, stations, client ids."""
    return f"t{uuid.uuid4().hex[:7]}"


@pytest.fixture
def mqtt_client_id(unique: str) -> str:
    """An MQTT client id of this test alone."""
    return f"client-{unique}"


@pytest.fixture
def mqtt_prefix(unique: str) -> str:
    """A first topic level of this test alone: publish and subscribe below `<mqtt_prefix>/`."""
    return unique


@pytest.fixture(scope="session")
def kafka_admin(services: RunServices) -> AdminClient:
    """One for the run: an AdminClient that is freed while it still answers may crash Python."""
    return AdminClient({"bootstrap.servers": services.kafka.bootstrap, "log_level": 0})


@pytest.fixture
def kafka(services: RunServices, kafka_admin: AdminClient, unique: str) -> Iterator[KafkaSettings]:
    """Settings of a namespace of this test alone, its topics made with two partitions. Dropped after."""
    made = KafkaSettings(bootstrap=services.kafka.bootstrap, namespace=unique, partitions=2)
    ensure_topics(made)
    yield made
    for dropped in kafka_admin.delete_topics(list(retention_days(made))).values():
        dropped.result(60)


@pytest.fixture
def kafka_topic(kafka_admin: AdminClient) -> Iterator[Callable[..., str]]:
    """Make a topic of this test alone: `kafka_topic(partitions=8, name=None, config={})` -> its name. Dropped after."""
    made: list[str] = []

    def make(partitions: int = 8, name: str | None = None, config: dict[str, str] | None = None) -> str:
        topic = name or f"t{uuid.uuid4().hex[:10]}"
        kafka_admin.create_topics([NewTopic(topic, partitions, 1, config=config or {})])[topic].result(60)
        made.append(topic)
        return topic

    yield make
    if made:
        for dropped in kafka_admin.delete_topics(made).values():
            dropped.result(60)


@contextmanager
def fresh_database(postgres: PostgresEndpoint) -> Iterator[str]:
    """The DSN of a new, empty database, dropped after (its sessions are ended)."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield make_conninfo(postgres.dsn, dbname=name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(services: RunServices) -> Iterator[str]:
    """The DSN of an empty database of this test alone."""
    with fresh_database(services.postgres) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def module_database(services: RunServices) -> Iterator[str]:
    """The DSN of an empty database that the tests of one file share."""
    with fresh_database(services.postgres) as dsn:
        yield dsn


@pytest.fixture(scope="module")
def migrated(module_database: str) -> DatabaseSettings:
    """A migrated database that the tests of one file share."""
    migrate(module_database)
    return DatabaseSettings(dsn=module_database)


@pytest.fixture
def settings(migrated: DatabaseSettings) -> DatabaseSettings:
    """The settings of the migrated database, its telemetry and registry empty. Folders that test more have settings of their own."""
    with connect(migrated) as conn:
        conn.execute(f"TRUNCATE {', '.join(TELEMETRY + DISCOVERY + REGISTRY)} RESTART IDENTITY CASCADE")
    return migrated


@pytest.fixture
def conn(settings: DatabaseSettings) -> Iterator[Connection]:
    """A connection to the migrated database, its telemetry and registry empty."""
    with connect(settings) as conn:
        yield conn


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings], Settings]:
    """`configure(settings)`: commands load them, and processes from `<tmp_path>/settings.toml`."""

    def put(settings: Settings) -> Settings:
        write(settings, tmp_path / "settings.toml")
        monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "settings.toml"))
        return settings

    return put


@pytest.fixture
def database_alone(database: str, configure: Callable[[Settings], Settings]) -> Settings:
    """Settings at a migrated database of this test alone, which commands load; no other service."""
    base = load()
    mine = base.model_copy(update={"database": base.database.model_copy(update={"dsn": database})})
    migrate(database, mine.database.namespace)
    return configure(mine)


@pytest.fixture
def deployment(
    services: RunServices,
    database: str,
    unique: str,
    mqtt_client_id: str,
    tmp_path: Path,
    configure: Callable[[Settings], Settings],
) -> Settings:
    """Settings of a prepared deployment of this test alone, which commands load; two partitions a topic."""
    flows = FlowSettings(epoch_s=1, flush_s=0.1, token_key="0123456789abcdef")
    mine = at_services(load(namespace=unique, flows=flows), services, data_dir=tmp_path / "data")
    mine = mine.model_copy(
        update={
            "database": mine.database.model_copy(update={"dsn": database}),
            "kafka": mine.kafka.model_copy(update={"partitions": 2}),
            "mqtt": mine.mqtt.model_copy(update={"client_id": mqtt_client_id, "session_expiry_s": 60}),
            "control": mine.control.model_copy(update={"port": 0}),
        }
    )
    prepare(mine)
    return configure(mine)
