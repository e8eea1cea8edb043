"""What every service provider keeps; the providers are found in the registry."""

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import uuid
from contextlib import suppress

import psutil
import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from chargewell.services import ServiceError, ServiceSettings, providers

ALL = [(one.kind, one.name) for one in providers(ServiceSettings())]
OWNED = [(one.kind, one.name) for one in providers(ServiceSettings()) if one.origin != "given"]
GIVEN = [kind for kind, name in ALL if name == "given"]

pytestmark = pytest.mark.integration


def named(pairs):
    return pytest.mark.parametrize(("kind", "name"), pairs, ids=[f"{kind}-{name}" for kind, name in pairs])


def put_kafka(endpoint, word):
    admin = AdminClient({"bootstrap.servers": endpoint.bootstrap})
    with suppress(Exception):
        admin.create_topics([NewTopic("words", 1, 1)])["words"].result(60)
    producer, errors = Producer({"bootstrap.servers": endpoint.bootstrap, "acks": "all"}), []
    producer.produce("words", word.encode(), on_delivery=lambda error, _: errors.append(error))
    producer.flush(60)
    assert errors == [None]


def words_kafka(endpoint):
    consumer = Consumer(
        {
            "bootstrap.servers": endpoint.bootstrap,
            "group.id": f"words-{uuid.uuid4().hex}",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition("words", 0, OFFSET_BEGINNING)])
    found = set()
    while (message := consumer.poll(60)) is not None and message.error() is None:
        found.add(message.value().decode())
    consumer.close()
    assert message is not None, "Kafka told neither a message nor the end of the partition"
    return found


def put_mqtt(endpoint, word, connect):
    assert connect(endpoint).publish(f"words/{word}", word.encode(), retain=True)


def words_mqtt(endpoint, connect):
    listener = connect(endpoint)
    listener.subscribe("words/#")
    mark = uuid.uuid4().hex
    assert connect(endpoint).publish("words/mark", mark.encode())
    assert listener.wait(lambda: ("words/mark", mark.encode()) in listener.heard)
    return {payload.decode() for topic, payload in listener.heard if topic != "words/mark"}


def put_postgres(endpoint, word):
    with psycopg.connect(endpoint.dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES (%s)", (word,))


def words_postgres(endpoint):
    with psycopg.connect(endpoint.dsn) as connection:
        return {word for (word,) in connection.execute("SELECT word FROM words")}


def port_of(endpoint):
    return int(re.search(r":(\d+)", endpoint.shown).group(1))


@pytest.fixture
def put(connect):
    """Store a word durably through the service's own protocol: `put(kind, endpoint, word)`."""
    by_kind = {"kafka": put_kafka, "mqtt": lambda e, w: put_mqtt(e, w, connect), "postgres": put_postgres}
    return lambda kind, endpoint, word: by_kind[kind](endpoint, word)


@pytest.fixture
def words(connect):
    """The words stored: `words(kind, endpoint)`."""
    by_kind = {"kafka": words_kafka, "mqtt": lambda e: words_mqtt(e, connect), "postgres": words_postgres}
    return lambda kind, endpoint: by_kind[kind](endpoint)


@pytest.fixture
def provider(kind, name, provider_named, services):
    """The provider under test; a given one is given the service of this run."""
    if name != "given":
        return provider_named(kind, name)
    if kind == "kafka":
        settings = {"bootstrap": services.kafka.bootstrap}
    elif kind == "mqtt":
        settings = {"host": services.mqtt.host, "port": services.mqtt.port}
    else:
        settings = {"dsn": services.postgres.dsn}
    return provider_named(kind, name, ServiceSettings(**{kind: settings}))


@pytest.fixture
def start(provider, tmp_path):
    """Start in one folder, again and again; what still runs is stopped at the end."""
    started = []

    def begin(**options):
        started.append(provider.start(tmp_path / "a service", note=lambda _: None, **options))
        return started[-1]

    yield begin
    for one in started:
        one.stop()


@named(ALL)
def test_it_says_what_it_is_and_why_it_is_there(provider):
    assert provider.version()
    assert provider.available().reason


@named(ALL)
def test_what_was_stored_is_there_after_a_stop_and_a_start(kind, start, put, words):
    word = uuid.uuid4().hex
    first = start()
    assert first.alive()
    put(kind, first.endpoint, word)
    first.stop()

    second = start()

    assert second.endpoint == first.endpoint
    assert word in words(kind, second.endpoint)


@named(OWNED)
def test_what_was_stored_is_there_after_kill_9_and_the_death_is_noticed(kind, name, start, put, words, until, tmp_path):
    first = start()
    put(kind, first.endpoint, "kept")
    if name == "mosquitto":  # it dumps every two seconds; the others have stored it when they confirm it
        until(lambda: any(b"kept" in dump.read_bytes() for dump in tmp_path.rglob("mosquitto.db")))
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not first.alive())
    first.stop()

    second = start(keep_ports=True)

    assert second.endpoint == first.endpoint
    assert "kept" in words(kind, second.endpoint)


@named(OWNED)
def test_a_second_start_in_the_folder_is_refused_with_the_owners_pid(provider, start, tmp_path):
    start()

    with pytest.raises(
        ServiceError, match=rf"already runs from .*{tmp_path.name}.*process {os.getpid()}.*another folder"
    ):
        provider.start(tmp_path / "a service")


@named(OWNED)
def test_a_port_taken_meanwhile_is_replaced_and_the_data_stays(kind, start, put, words):
    first = start()
    put(kind, first.endpoint, "kept")
    port = port_of(first.endpoint)
    first.stop()

    with socket.create_server(("127.0.0.1", port)):
        second = start()

        assert port_of(second.endpoint) != port
        assert "kept" in words(kind, second.endpoint)


@named(OWNED)
def test_a_stop_is_clean_bounded_and_may_be_repeated(start):
    running = start()
    family = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]

    running.stop()
    running.stop()

    assert running._child.wait(0) != -signal.SIGKILL, "it did not end when asked, but by force after its time"
    assert not any(one.is_running() for one in family)
    assert not running.alive()


@named(OWNED)
def test_a_killed_owner_leaves_no_orphan_and_the_folder_can_be_used_at_once(kind, name, provider, start, tmp_path):
    script = f"""
        import time
        from pathlib import Path
        from chargewell.services import ServiceSettings, providers
        one = next(one for one in providers(ServiceSettings(), {kind!r}) if one.name == {name!r})
        print(one.start(Path({str(tmp_path / "a service")!r}), note=lambda _: None).pid, flush=True)
        time.sleep(600)
    """
    owner = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True)
    with owner, owner.stdout:
        service = psutil.Process(int(owner.stdout.readline()))
        family = [service, *service.children(recursive=True)]
        owner.kill()
        owner.wait()
        _, orphans = psutil.wait_procs(family, timeout=60)
        assert orphans == []

    assert start().alive()


@pytest.mark.parametrize("kind", GIVEN)
def test_a_given_service_that_is_not_there_is_named_with_its_setting(kind, provider_named, tmp_path):
    nowhere = {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "mqtt": {"host": "127.0.0.1", "port": 1},
        "postgres": {"dsn": "postgresql://user:word@127.0.0.1:1/base"},
    }
    absent = provider_named(kind, "given", ServiceSettings(**{kind: nowhere[kind]}))

    with pytest.raises(ServiceError, match=rf"127\.0\.0\.1:1.*check services\.{kind}") as raised:
        absent.start(tmp_path)

    assert "word@" not in str(raised.value)


@pytest.mark.parametrize("kind", GIVEN)
def test_a_given_service_without_an_address_is_not_available(kind):
    given = next(one for one in providers(ServiceSettings(), kind) if one.name == "given")

    assert not given.available().ok
    assert f"services.{kind}." in given.available().reason


@named([("mqtt", "artemis")])
def test_a_message_waits_for_a_subscriber_with_a_persistent_session(kind, start, connect):
    first = start()
    listener = connect(first.endpoint, protocol=4, client_id="away", clean=False)
    assert listener.subscribe("kept/#")
    listener.close()
    assert connect(first.endpoint).publish("kept/a", b"1")
    os.kill(first.pid, signal.SIGKILL)
    first.stop()

    second = start(keep_ports=True)
    back = connect(second.endpoint, protocol=4, client_id="away", clean=False)

    assert back.wait(lambda: back.heard == [("kept/a", b"1")])
