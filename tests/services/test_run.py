"""All services together: one owner for a folder, deaths told, restarts in place, what fails takes the others with it."""

import os
import queue
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from chargewell.services import ServiceError, ServiceSettings, start_all
from connectors.timescale.editions import edition

pytestmark = pytest.mark.integration

EMBEDDED = ServiceSettings().forced("embedded")
SMALL = ("mqtt", "postgres")


def silent(_line):
    """Take no notice."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "all"


def test_a_death_is_told_once_and_a_restart_keeps_address_and_data(folder):
    told = queue.Queue()
    with start_all(folder, EMBEDDED, silent, kinds=SMALL) as running:
        before = running.postgres
        with psycopg.connect(before.dsn) as connection:
            connection.execute("CREATE TABLE kept (a int)")
        running.watch(lambda kind, tail: told.put((kind, tail)), every_seconds=0.05)
        os.kill(running.running("postgres").pid, signal.SIGKILL)

        kind, tail = told.get(timeout=60)
        assert kind == "postgres"
        assert "ready to accept connections" in tail
        assert list(running.dead()) == ["postgres"]

        running.restart("postgres", silent)
        assert running.postgres == before
        assert running.dead() == {}
        with psycopg.connect(before.dsn) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    assert told.empty()


def test_a_stop_is_no_death_and_leaves_no_process(folder):
    told = queue.Queue()
    running = start_all(folder, EMBEDDED, silent, kinds=SMALL)
    running.watch(lambda *death: told.put(death), every_seconds=0.02)
    pids = [running.running(kind).pid for kind in SMALL]

    running.stop()
    running.stop()

    assert told.empty()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_second_set_in_the_folder_is_refused_with_the_owners_pid(folder):
    refused = pytest.raises(ServiceError, match=rf"already runs from {folder}.*process {os.getpid()};.*another folder")

    with start_all(folder, EMBEDDED, silent, kinds=("postgres",)), refused:
        start_all(folder, EMBEDDED, silent, kinds=("postgres",))


def test_when_one_fails_the_others_are_stopped_and_the_message_says_which_and_why(folder, tmp_path):
    broken = EMBEDDED.model_copy(update={"cache": Path("/dev/null/nowhere")})

    with pytest.raises(ServiceError, match=r"/dev/null/nowhere/jars cannot be used.*set services\.cache"):
        start_all(folder, broken, silent, kinds=SMALL)

    family = psutil.Process().children(recursive=True)
    assert [one for one in family if str(folder) in " ".join(one.cmdline())] == []
    with start_all(folder, EMBEDDED, silent, kinds=SMALL) as again:
        assert again.dead() == {}


def test_a_service_that_ends_at_its_start_is_named_with_its_last_lines(folder, provider_named):
    first = provider_named("postgres", "embedded", EMBEDDED).start(folder, note=silent)
    first.stop()
    (folder / "server" / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(ServiceError, match=r"PostgreSQL 18.* ended at its start with status 1(.|\n)*no_such_setting"):
        provider_named("postgres", "embedded", EMBEDDED).start(folder, note=silent)


def test_data_of_another_provider_is_left_alone(folder, provider_named):
    provider_named("postgres", "embedded", EMBEDDED).start(folder, note=silent).stop()

    with pytest.raises(ServiceError, match=r"made by embedded, not by installed; choose embedded again"):
        provider_named("postgres", "installed").start(folder, note=silent)


def test_an_installed_postgres_makes_hypertables(folder, provider_named):
    running = provider_named("postgres", "installed").start(folder, note=silent)
    try:
        with psycopg.connect(running.endpoint.dsn) as connection:
            connection.execute("CREATE EXTENSION timescaledb")
            connection.execute("CREATE TABLE reading (port_no int, at timestamptz, PRIMARY KEY (port_no, at))")
            connection.execute("SELECT create_hypertable('reading', by_range('at'))")
            connection.execute(
                "INSERT INTO reading SELECT 1, now() - n * interval '1 day' FROM generate_series(1, 30) n"
            )
            chunks = connection.execute("SELECT count(*) FROM show_chunks('reading')").fetchone()[0]
            said = str(edition(connection))
    finally:
        running.stop()

    assert chunks >= 4
    assert said == "timescaledb-apache"


def test_the_password_of_a_server_of_ours_is_private(folder, provider_named):
    provider_named("postgres", "embedded", EMBEDDED).start(folder, note=silent).stop()

    assert (folder / "password").stat().st_mode & 0o777 == 0o600
    assert (folder / "server").stat().st_mode & 0o777 == 0o700
    assert not (folder / "server" / "initial-password").exists()
