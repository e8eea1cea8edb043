"""A network with a few days of history, faults, incidents and rejects, on each database edition at hand; a Grafana to push to."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from chargewell.bench.dashboards_history import write_history
from chargewell.services import ServiceError, ServiceSettings, choose, start_all
from chargewell.settings import Settings
from connectors.timescale.migrate import migrate
from connectors.timescale.settings import DatabaseSettings, Names
from dashboards.sql import expand

MINUTE_US = 60_000_000
EXTRAS = """
INSERT INTO chargewell.reject (shard, origin, seq, received_at, station, topic, reason, detail)
SELECT '00n', i, 0, now() - i * interval '20 minutes', 'ST-' || i % 3, 'ev/ST/from/reading', CASE i % 2 WHEN 0 THEN 'json' ELSE 'schema' END, 'no'
FROM generate_series(1, 30) i;
INSERT INTO chargewell.inbox_reject VALUES ('ev.alerts', 0, 1, now() - interval '1 hour', 'k', 'json', 'no', '');
INSERT INTO chargewell.audit_sum SELECT 'store', 'ST-1', date_trunc('hour', now()) - i * interval '1 hour', 1000, 5, 1, 2 FROM generate_series(0, 20) i;
UPDATE chargewell.anomaly_score SET score = 5.5, probability = 1, contributions =
'{"temp_connector": {"share": 0.75, "observed": 81.5, "expected": 44.0, "unit": "degC"}, "current": {"share": 0.25, "observed": 0, "expected": 0, "unit": "A"}}'
WHERE (port_no, at) IN (SELECT port_no, at FROM chargewell.anomaly_score ORDER BY at DESC, port_no LIMIT 3);
"""
"""What four healthy days of few stations do not bring: refused messages, and an unusual minute as the anomaly flow writes it."""
RISKS = """
INSERT INTO chargewell.model (version, state, source, trained_at, from_at, to_at, level, features, scores, digest, body)
SELECT v, s, 'test', now() - interval '9 days', now() - interval '90 days', now() - interval '10 days', 0.4, '[]',
'{"pr_auc.7d": 0.31, "pr_auc.7d.cooling": 0.4, "brier.score": 0.01, "calibration": 0.002, "lead_h": 60, "found": 0.5}', '', ''
FROM (VALUES ('m1', 'live'), ('m2', 'shadow')) m (v, s);
INSERT INTO chargewell.failure_risk (port_no, at, family, p_24h, p_7d, p_30d, expected_lead_s, reasons, model_version, shadow)
SELECT port_no, at, 'cooling', p / 5, p, 1 - (1 - p) * 0.7, 4e5,
'[{"feature": "fan.slope.5", "effect": 1.5, "text": "fan speed: trend, 5 days"}, {"feature": "age", "effect": -0.2, "text": "time on record"}]',
m.version, m.state = 'shadow'
FROM chargewell.port, generate_series(date_trunc('hour', now()) - interval '12 days', now(), interval '1 hour') at, chargewell.model m,
LATERAL (SELECT CASE port_no % 5 WHEN 0 THEN 0.6 WHEN 1 THEN 0.3 WHEN 2 THEN 0.1 WHEN 3 THEN 0.02 ELSE 0.001 END AS p) r WHERE number > 0;
INSERT INTO chargewell.label (port, start_at, fault, source, who) SELECT port, now() - interval '3 days', 'cooling', 'technician', 'test'
FROM chargewell.port WHERE port_no % 10 = 0;
INSERT INTO chargewell.work_order (order_id, number, port, station, family, priority, state, source, what, why, bring, checks, onset_at, opened_at,
restore_by, state_since, predicted_at, planned_from, planned_to, model_version)
SELECT gen_random_uuid(), 'WO-P' || port_no, port, station, 'cooling', 'P3', 'open', 'alert', 'Fan', 'risk', '{}', '{}', now() - interval '9 days',
now() - interval '9 days', now() + interval '1 day', now(), now() - interval '4 days', now() - interval '5 days', now() - interval '4 days', 'm1'
FROM chargewell.port WHERE port_no % 10 = 0 AND number > 0 LIMIT 2;
INSERT INTO chargewell.incident (incident_id, port, station, family, severity, state, source, onset_at, opened_at, why, probability, ports, order_id, predicted_at)
SELECT gen_random_uuid(), port, station, family, 'P3', 'open', 'alert', onset_at, opened_at, 'risk', 0.6, ARRAY[port], order_id, predicted_at
FROM chargewell.work_order WHERE predicted_at IS NOT NULL;
"""
"""Risks as a model of the failure flow writes them, of which some came true; one live model and one in shadow."""


def pytest_generate_tests(metafunc):
    if "edition" in metafunc.fixturenames:
        metafunc.parametrize("edition", ["installed", "embedded"], scope="session")


@pytest.fixture(scope="session")
def server(edition, tmp_path_factory):
    """A PostgreSQL of the edition; skipped where there is none."""
    settings = ServiceSettings().forced(edition)
    try:
        choose("postgres", settings)
    except ServiceError as problem:
        pytest.skip(str(problem))
    with start_all(tmp_path_factory.mktemp(f"postgres-{edition}"), settings, kinds=("postgres",)) as services:
        yield services.postgres.dsn


@pytest.fixture(scope="session")
def network(server):
    """`dsn`, `start`, `end`, and what to choose: `sites`, `stations`, `ports`."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE dashboards TEMPLATE template0")
    dsn = make_conninfo(server, dbname="dashboards")
    migrate(dsn)
    end_us = time.time_ns() // 1_000 // MINUTE_US * MINUTE_US
    write_history(Settings(database=DatabaseSettings(dsn=dsn)), stations=20, days=4, end_us=end_us)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(EXTRAS)
        connection.execute(RISKS)
        connection.execute("ANALYZE")

        def one(query):
            return [row[0] for row in connection.execute(query)]

        end = datetime.fromtimestamp(end_us / 1e6, UTC)
        return SimpleNamespace(
            dsn=dsn,
            end=end,
            start=end - timedelta(days=4),
            sites=one("SELECT DISTINCT site FROM pub.port_now"),
            stations=one("SELECT DISTINCT station FROM pub.port_now"),
            ports=one("SELECT port FROM pub.port_now ORDER BY incidents DESC, up_30d"),
        )


@pytest.fixture(scope="session")
def reader(network):
    """A connection under the read-only role, as Grafana has it: `ask(query, days, port)` -> (rows, rows handled on the way)."""
    with psycopg.connect(network.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(Names().read)))

        def ask(query, days=30.0, port=None):
            chosen = {"site": network.sites, "station": network.stations, "port": [port or network.ports[0]]}
            text = expand(query, network.end - timedelta(days=days), network.end + timedelta(minutes=1), chosen)
            found = connection.execute(text.encode()).fetchall()
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {text}"
            ((explained,),) = connection.execute(explain.encode()).fetchone()
            return found, handled(explained["Plan"])

        yield ask


def handled(plan):
    """The rows that the nodes of a plan took in hand, those they threw away included: PostgreSQL's own count of the work."""
    removed = sum(count for name, count in plan.items() if name.startswith("Rows Removed by"))
    own = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    return own + sum(handled(part) for part in plan.get("Plans", ()))


class FakeGrafana(BaseHTTPRequestHandler):
    """Just enough of Grafana's HTTP API, as its documentation has it; it remembers what was stored and what was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self._answer("POST")

    def do_PUT(self):
        self._answer("PUT")

    def log_message(self, *_):
        pass

    def _answer(self, method):
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        state = self.server.state
        path = self.path.removeprefix("/grafana").split("?")[0]
        state.asked.append((method, path))
        if self.headers.get("authorization") != "Bearer good":
            return self._say(401, {"message": "invalid API key"})
        if method != "GET" and state.readonly:
            return self._say(403, {"message": "Permissions needed: dashboards:write"})
        return self._say(*self._handle(method, path.removeprefix("/api/"), body, state))

    def _handle(self, method, path, body, state):
        kept = state.kept
        if path == "frontend/settings":
            return 200, {"buildInfo": {"version": state.version}}
        if (method, path) == ("POST", "folders"):
            kept[f"folders/{body['uid']}"] = body
            return 200, body
        if (method, path) == ("POST", "dashboards/db"):
            uid = body["dashboard"]["uid"]
            stored = body["dashboard"] | {"id": 7, "version": 1}
            kept[f"dashboards/uid/{uid}"] = {"dashboard": stored, "meta": {"folderUid": body["folderUid"]}}
            return 200, {"uid": uid, "status": "success"}
        if (method, path) == ("POST", "datasources"):
            kept[f"datasources/uid/{body['uid']}"] = self._source(body)
            return 200, {"message": "Datasource added"}
        if method == "PUT" and path.startswith("datasources/"):
            kept[f"datasources/uid/{body['uid']}"] = self._source(body)
            return 200, {"message": "Datasource updated"}
        if method in ("POST", "PUT") and path.startswith("v1/provisioning/alert-rules"):
            kept[f"v1/provisioning/alert-rules/{body['uid']}"] = body | {"id": 3, "updated": "2026-01-01T00:00:00Z"}
            return 201, body
        if path.endswith("/health") and path.startswith("datasources/uid/"):
            return (200, {"status": "OK", "message": "Database Connection OK"}) if state.source_works else (
                400, {"status": "ERROR", "message": "password authentication failed"})  # fmt: skip
        if path in kept:
            return 200, kept[path]
        return 404, {"message": f"{path} not found"}

    @staticmethod
    def _source(body):
        secret = body.pop("secureJsonData", None) or {}
        return body | {"id": 1, "readOnly": False, "secureJsonFields": dict.fromkeys(secret, True)}

    def _say(self, status, body):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def grafana():
    """A running `FakeGrafana`: `url`, `kept`, `asked`, `version`, `readonly`, `source_works`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeGrafana)
    server.daemon_threads = True
    server.state = SimpleNamespace(
        kept={}, asked=[], version="9.4.17", readonly=False, source_works=True,
        url=f"http://127.0.0.1:{server.server_address[1]}/grafana",
    )  # fmt: skip
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.state
    server.shutdown()
    server.server_close()
    thread.join()
