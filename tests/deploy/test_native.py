"""The deployment of docker-compose.yml without containers: each service of ours with exactly its command and environment.

Only what a container gives is replaced: hosts, mounted folders and a published port. Kafka, broker and database are real
and this test's own; the broker knows the logins that `secrets` made, the database the owner's password.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from chargewell.services import MqttAccess, ServiceError, ServiceSettings, choose, start_all
from chargewell.services.endpoints import KINDS
from chargewell.services.ports import free_port
from connectors.mqtt import MqttRefusedError, MqttSettings, Publisher

pytestmark = [pytest.mark.integration, pytest.mark.slow]
READER = "chargewell_read_login"


def settings():
    chosen = ServiceSettings().forced(os.environ.get("CHARGEWELL_TEST_SERVICES", "auto"))
    for kind in KINDS:
        try:
            choose(kind, chosen)
        except ServiceError as problem:
            if os.environ.get("CHARGEWELL_REQUIRE_SERVICES") == "1":
                pytest.fail(str(problem))
            pytest.skip(str(problem))
    return chosen


class Native:
    """Services of the compose file as processes."""

    def __init__(self, wait, compose, root, folder):
        self.wait, self.compose, self.root, self.folder = wait, compose, root, folder
        self.secrets, self.state = folder / "run", folder / "state"
        self.control_port, self.metrics_ports = free_port(), {}
        self.replaced = {
            "/run/chargewell": str(self.secrets),
            "/opt/chargewell": str(root),
            "/var/lib/chargewell": str(self.state),
        }
        self.extra, self.children = {}, {}

    def reach(self, services):
        """Put the addresses of real services in place of the containers' names."""
        database = conninfo_to_dict(services.postgres.dsn)
        self.replaced["kafka:9092"] = services.kafka.bootstrap
        self.extra["CHARGEWELL_MQTT__PORT"] = str(services.mqtt.port)
        self.hosts = {"mosquitto": services.mqtt.host, "0.0.0.0": "127.0.0.1", "8090": str(self.control_port)}
        for path in self.secrets.glob("*/chargewell.toml"):
            text = path.read_text("utf-8").replace("@timescaledb/", f"@{database['host']}:{database['port']}/")
            path.chmod(0o600)
            path.write_text(text, "utf-8")

    def told(self, text):
        """One word of the file as it is here."""
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
        for there, here in self.replaced.items():
            text = text.replace(there, here)
        return self.hosts.get(text, text) if hasattr(self, "hosts") else text

    def environment(self, name):
        """What the file says, and of this machine only where programs are."""
        said = {key: self.told(str(value)) for key, value in self.compose[name].get("environment", {}).items()}
        more = self.extra if "CHARGEWELL_MQTT__HOST" in said else {}
        if "CHARGEWELL_METRICS__PORT" in said:
            said["CHARGEWELL_METRICS__PORT"] = str(self.metrics_ports.setdefault(name, free_port()))
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(self.root)} | said | more

    def argv(self, name):
        one = self.compose[name]
        entry = [self.told(word) for word in one.get("entrypoint", ["chargewell"])]
        start = [sys.executable, "-m", "chargewell"] if entry == ["chargewell"] else [sys.executable, *entry[1:]]
        return start + [self.told(word) for word in one["command"]]

    def once(self, name):
        """Run a service that ends; its output."""
        done = subprocess.run(
            self.argv(name), env=self.environment(name), cwd=self.folder, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{name}: {done.stdout[-2_000:]}{done.stderr[-2_000:]}"
        return done.stdout

    def start(self, *names):
        for name in names:
            with (self.folder / f"{name}.log").open("wb") as log:
                self.children[name] = subprocess.Popen(
                    self.argv(name), env=self.environment(name), cwd=self.folder, stdout=log, stderr=log
                )

    def healthy(self, name):
        """Its health check, run as the container would run it."""
        kind, *words = self.compose[name]["healthcheck"]["test"]
        assert kind == "CMD"
        words = [word.replace(":8090/", f":{self.control_port}/") for word in words]
        start = {"chargewell": [sys.executable, "-m", "chargewell"], "python": [sys.executable]}[words[0]]
        done = subprocess.run(
            [*start, *words[1:]], env=self.environment(name), cwd=self.folder, capture_output=True, timeout=300
        )
        return done.returncode == 0

    def log(self, name):
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def until(self, done):
        """Wait for it as long as our processes run; each question may start a process of its own, so there is time."""

        def come_about():
            for name, child in self.children.items():
                assert child.poll() is None, f"{name} ended: {self.log(name)[-3_000:]}"
            return done()

        self.wait(come_about, lambda: "\n".join(f"{name}: {self.log(name)[-800:]}" for name in self.children), 180)

    def stop(self, name):
        """Ask it to end; its status, within its grace period."""
        child = self.children.pop(name)
        child.terminate()
        return child.wait(float(self.compose[name].get("stop_grace_period", "10s").rstrip("s")))

    def settings_of(self, name):
        return tomllib.loads((self.secrets / name / "chargewell.toml").read_text("utf-8"))


@contextmanager
def running(until, compose, root, folder):
    chosen = settings()
    native = Native(until, compose["services"], root, folder)
    native.once("secrets")
    native.once("demo-secrets")
    users = {name: native.settings_of(name)["mqtt"]["password"] for name in ("bridge", "control")}
    stations = native.settings_of("simulator")["simulator"]["passwords"]
    access = MqttAccess(users=users | stations)
    chosen = chosen.model_copy(update={"mqtt": chosen.mqtt.model_copy(update={"access": access})})
    with start_all(folder / "services", chosen) as services:
        owner = (native.secrets / "database" / "owner_password").read_text("utf-8")
        with psycopg.connect(services.postgres.dsn, autocommit=True) as conn:
            conn.execute(f"ALTER ROLE chargewell PASSWORD '{owner}'")
        native.reach(services)
        try:
            yield SimpleNamespace(native=native, services=services, stations=stations)
        finally:
            for child in native.children.values():
                child.kill()
                child.wait()


@pytest.fixture(scope="module")
def house(until, compose, root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    with running(until, compose, root, folder) as found:
        native = found.native
        found.prepared = native.once("prepare")
        native.once("demo-network")
        native.start("bridge", "flows", "control")
        native.until(lambda: all(native.healthy(name) for name in ("bridge", "flows", "control")))
        yield found
    shutil.rmtree(folder)


def publisher(house, login, password):
    mqtt = house.services.mqtt
    return Publisher(
        MqttSettings(host=mqtt.host, port=mqtt.port, user=login, password=password), client_id=f"test-{login}"
    )


def rows(house, query, *parameters):
    """What Grafana's login reads."""
    given = conninfo_to_dict(house.services.postgres.dsn)
    password = (house.native.secrets / "grafana" / "database_password").read_text("utf-8")
    with psycopg.connect(
        host=given["host"], port=given["port"], dbname="chargewell", user=READER, password=password
    ) as conn:
        return conn.execute(query, parameters).fetchall()


def test_a_message_of_a_station_becomes_a_row(house):
    station, password = next(iter(house.stations.items()))
    says = publisher(house, station, password)
    says.wait_connected(60)
    body = {"port": 1, "at": time.time_ns() // 1_000_000, "voltage": 401.25, "current": 12.5}
    says.publish(f"ev/{station}/from/reading", json.dumps(body).encode())
    says.flush(60)
    says.close()

    house.native.until(lambda: rows(house, "SELECT 1 FROM pub.reading WHERE port = %s", f"{station}/1"))
    assert rows(house, "SELECT voltage, current FROM pub.reading WHERE port = %s", f"{station}/1") == [(401.25, 12.5)]
    assert rows(house, "SELECT sum(unaccounted) FROM pub.audit_hour") == [(0,)]


def test_prepare_made_the_logins_and_each_may_do_its_part_alone(house):
    assert "chargewell_flows_login" in house.prepared
    given = conninfo_to_dict(house.services.postgres.dsn)
    for name, forbidden in (
        ("flows", "SELECT * FROM chargewell.account"),
        ("control", "DELETE FROM chargewell.reading"),
    ):
        dsn = house.native.settings_of(name)["database"]["dsn"]
        assert conninfo_to_dict(dsn)["user"] == f"chargewell_{name}_login"
        with psycopg.connect(dsn, port=given["port"]) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(forbidden)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(house, "SELECT * FROM chargewell.reading")


@pytest.mark.parametrize("name", ["bridge", "flows", "control"])
def test_each_process_shows_its_metrics(house, name):
    said = httpx.get(f"http://127.0.0.1:{house.native.metrics_ports[name]}/metrics").text

    assert "process_cpu_seconds_total" in said
    assert re.search(r"(?m)^chargewell_\w+", said), said[:500]


def test_tidy_keeps_house_as_the_owner_of_the_tables(house):
    native = house.native
    native.start("tidy")

    native.until(lambda: "old rows: none" in native.log("tidy"))
    assert native.stop("tidy") == 0, native.log("tidy")


def test_nobody_without_a_login_is_heard(house):
    stranger = publisher(house, "stranger", "guess")
    try:
        with pytest.raises(MqttRefusedError):
            stranger.wait_connected(60)
    finally:
        stranger.close()


def test_control_answers_and_shows_its_first_token_once(house):
    native = house.native
    token = re.search(r"admin token, shown this once: (\S+)", native.log("control"))
    url = f"http://127.0.0.1:{native.control_port}/v1/work_orders"

    assert token is not None
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"authorization": f"Bearer {token.group(1)}"}).status_code == 200


def test_the_simulated_network_speaks_under_a_login_for_each_station(house):
    native = house.native
    native.start("simulator")

    native.until(lambda: rows(house, "SELECT count(DISTINCT port) FROM pub.reading_1m")[0][0] > 50)
    strangers = "SELECT DISTINCT port FROM pub.reading_1m JOIN pub.port USING (port) WHERE discovered OR site IS NULL"
    assert rows(house, strangers) == []
    assert (
        rows(
            house,
            "SELECT topic, reason, detail FROM pub.reject WHERE reason NOT IN ('unsupported', 'empty', 'unmatched') LIMIT 5",
        )
        == []
    )
    assert native.stop("simulator") == 0


def test_all_end_within_their_grace_when_asked_and_go_on_where_they_were(house):
    native = house.native
    before = rows(house, "SELECT count(*) FROM pub.reading")[0][0]
    for name in ("control", "flows", "bridge"):
        assert native.stop(name) == 0, native.log(name)[-2_000:]
    assert (native.state / "recovery").is_dir()

    native.start("bridge", "flows", "control")
    native.until(lambda: native.healthy("flows") and native.healthy("control"))
    assert rows(house, "SELECT count(*) FROM pub.reading")[0][0] >= before
    assert rows(house, "SELECT sum(unaccounted) FROM pub.audit_hour") == [(0,)]


def test_nothing_is_missing_once_the_bridge_has_stopped_and_that_it_has_is_told(house):
    native = house.native
    native.stop("bridge")
    told = [sys.executable, "-m", "chargewell", "audit"]
    native.until(lambda: subprocess.run(told, env=native.environment("flows"), capture_output=True).returncode == 0)
    with psycopg.connect(native.settings_of("flows")["database"]["dsn"]) as conn:
        flows = conn.execute("SELECT DISTINCT flow FROM chargewell.flow_progress ORDER BY 1").fetchall()
    assert {("store",), ("sessions",), ("uptime",), ("anomaly",), ("failure",)} <= set(flows)
    said = [sys.executable, "-m", "chargewell", "health", "bridge", "--late", "2"]

    native.until(lambda: subprocess.run(said, env=native.environment("bridge"), capture_output=True).returncode == 1)
    done = subprocess.run(said, env=native.environment("bridge"), capture_output=True, text=True, timeout=300)
    assert "no heartbeat of a bridge" in done.stderr
