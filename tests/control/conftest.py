"""A migrated database a file, a station of its own for each test, and alerts to send in."""

import re
import socket
import ssl
import threading
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from psycopg.rows import dict_row

from connectors.timescale.migrate import migrate
from connectors.timescale.pool import connect, open_pool
from connectors.timescale.ports import discover
from connectors.timescale.settings import DatabaseSettings
from control.accounts import make_token, put_account
from control.app import create_app
from control.context import Context
from control.settings import ControlSettings, WebhookSettings
from control.take import take
from schemas.alerts import Alert, alert_id
from schemas.work import Role

TLS = ssl.create_default_context()  # made once: reading the authorities takes longer than most tests
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def dsn(module_database):
    migrate(module_database)
    return module_database


@pytest.fixture(scope="module")
def database_settings(dsn):
    return DatabaseSettings(dsn=dsn, lock_timeout_s=10)


@pytest.fixture
def conn(database_settings):
    with connect(database_settings) as conn:
        yield conn


@pytest.fixture
def other(database_settings):
    with connect(database_settings) as conn:
        yield conn


@pytest.fixture
def pool(database_settings):
    with open_pool(database_settings) as pool:
        yield pool


@pytest.fixture
def settings():
    return ControlSettings()


@pytest.fixture(scope="session")
def now():
    return NOON


@pytest.fixture
def station(conn):
    """A station of this test alone, with ports 0 to 2, at a site of its own with a tariff."""
    name = f"T-{uuid.uuid4().hex[:8]}"
    site = f"site-{name}"
    conn.execute("INSERT INTO site (site, name, time_zone) VALUES (%s, %s, 'Europe/Berlin')", (site, f"Market {name}"))
    discover(conn, [f"{name}/{n}" for n in range(3)])
    conn.execute("UPDATE station SET site = %s, discovered = false WHERE station = %s", (site, name))
    conn.execute(
        """INSERT INTO tariff (tariff, currency, per_kwh, per_session, tax_percent, site, valid_from)
           VALUES (%s, 'EUR', 0.49, 0.50, 19, %s, '2020-01-01')""",
        (f"tariff-{name}", site),
    )
    return name


def said(
    port,
    family="cooling",
    *,
    revision=1,
    state="raised",
    onset=NOON - timedelta(minutes=5),
    kind="anomaly",
    source="anomaly",
    raised=None,
    cleared=None,
    **more,
):
    """One alert revision; episodes are told apart by source, port, family and onset."""
    raised = raised or onset + timedelta(minutes=2)
    if state == "cleared" and cleared is None:
        cleared = raised + timedelta(minutes=2)
    fields = {
        "id": alert_id(source, port, family, int(onset.timestamp() * 1e6)),
        "revision": revision,
        "port": port,
        "family": family,
        "kind": kind,
        "severity": "P3",
        "state": state,
        "onset_at": onset,
        "raised_at": raised,
        "cleared_at": cleared,
        "text": "it runs hot",
        "source": source,
        "source_version": "1",
    }
    return Alert.model_validate(fields | more)


def cut(port, family="power_module", **more):
    """A session that a fault cut short: 12.345 kWh in half an hour."""
    evidence = {
        "session_key": "4711",
        "stop_reason": "power_loss",
        "started_at": (NOON - timedelta(minutes=35)).isoformat(),
        "ended_at": (NOON - timedelta(minutes=5)).isoformat(),
        "energy_wh": 12_345.0,
    } | more.pop("evidence", {})
    return said(port, family, kind="session_cut", source="sessions", evidence=evidence, severity="P2", **more)


@pytest.fixture(scope="session")
def alerts():
    return SimpleNamespace(said=said, cut=cut)


@pytest.fixture
def taken(conn, settings, now):
    """Take alerts in order, at `now`; what became of each."""
    return lambda *all_of_them: [take(conn, settings, alert, now).value for alert in all_of_them]


@pytest.fixture
def table(conn):
    """All rows of a table that concern a station, as dicts, without the times of writing."""

    def read(name, station):
        key = {"credit": "split_part(port, '/', 1)", "inbox": "split_part(subject, '/', 1)"}.get(name, "station")
        order = {
            "incident": "opened_at, incident_id",
            "command": "command_no",
            "inbox": "alert_id, revision",
        }.get(name, "1")
        with conn.cursor(row_factory=dict_row) as cursor:
            cursor.execute(f"SELECT * FROM {name} WHERE {key} = %s ORDER BY {order}", (station,))
            return [
                {k: v for k, v in row.items() if k not in ("recorded_at", "command_no")} for row in cursor.fetchall()
            ]

    return read


@pytest.fixture
def jobs(conn):
    """Names and arguments of the jobs that wait, newest last; those of one station's commands if it is named."""

    def read(task):
        found = conn.execute(
            "SELECT args FROM procrastinate_jobs WHERE task_name = %s ORDER BY id", (f"control.{task}",)
        )
        return [row[0] for row in found]

    return read


class Receiver:
    """A receiver on this machine that keeps what it got and answers with `status`."""

    def __init__(self):
        self.got, self.status, self.headers = [], 200, {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.got.append((dict(self.headers), body))
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.hook = WebhookSettings(name="desk", url=f"http://127.0.0.1:{self.server.server_port}/in", secret=SECRET)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def unused_port():
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """A running application and clients for it."""

    def __init__(self, pool, settings, clock=None):
        context = Context(settings, pool, **({"clock": clock} if clock else {}))
        self.app = create_app(context, "a secret of the tests")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(
            self.app, log_config=None, lifespan="off", forwarded_allow_ips=["127.0.0.1"], timeout_graceful_shutdown=2
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.thread.start()
        self.pool, self.clients, self.tokens = pool, [], {}

    def client(self, token=None, headers=None):
        headers = {"accept": "text/html", **(headers or {})} | ({"authorization": f"Bearer {token}"} if token else {})
        made = httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False, verify=TLS)
        self.clients.append(made)
        return made

    def token(self, role):
        if role not in self.tokens:
            with self.pool.connection() as conn:
                self.tokens[role] = make_token(conn, f"a {role.value}", {role}, None, "rule:test")
        return self.tokens[role]

    def signed_in(self, account, password):
        client = self.client()
        secret = re.search(r'name="csrf" value="([^"]+)"', client.get("/login").text)[1]
        answer = client.post("/login", data={"csrf": secret, "account": account, "password": password})
        assert answer.status_code == 303, answer.text
        return client

    def close(self):
        for client in self.clients:
            client.close()
        self.server.should_exit = True
        self.thread.join()
        self.socket.close()


@pytest.fixture
def serve(pool):
    """Run the application with settings of one's own, and stop it after the test."""
    made = []

    def run(settings, clock=None):
        made.append(Site(pool, settings, clock))
        return made[-1]

    yield run
    for site in made:
        site.close()


@pytest.fixture(scope="module")
def site(database_settings):
    """The application, running for one file of tests, with limits out of the way."""
    with open_pool(database_settings) as pool:
        made = Site(pool, ControlSettings(public_rate="100000/minute", login_rate="100000/minute"))
        yield made
        made.close()


@pytest.fixture
def anna(site, conn):
    """A client signed in as an admin."""
    password = "correct horse battery"
    put_account(conn, "anna", password, {Role.ADMIN}, None, "rule:test")
    return site.signed_in("anna", password)


@pytest.fixture
def csrf():
    """The secret of the forms of a client's session."""

    def read(client, path="/account"):
        return re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)[1]

    return read


@pytest.fixture
def port_no(conn, station):
    """The number of the station's port 1."""
    return conn.execute("SELECT port_no FROM port WHERE port = %s", (f"{station}/1",)).fetchone()[0]
