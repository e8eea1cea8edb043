"""The audit names what was deleted, doubled, dropped and back-dated: one break at a time on a sound chain."""

import json
import threading
import time

import orjson
import psycopg
import pytest
from typer.testing import CliRunner

from chargewell.audit.run import audit
from chargewell.cli import app
from chargewell.flows import normalising, outlets
from connectors.bytewax_io import run_flow
from connectors.kafka import Producer, ends
from pipelines.fused import fused
from schemas.telemetry import encode_cw
from schemas.topics import partition_of
from simulator.ledger import Ledger
from simulator.outbox import Said

pytestmark = pytest.mark.integration
STATION = "AUD-1"
MINUTES = 5
NOW_US = time.time_ns() // 1_000 // 60_000_000 * 60_000_000


def message(i):
    at = NOW_US - MINUTES * 60_000_000 + i * 1_000_000
    if i % 50 == 7:
        return at, "event", {"port": 1, "at": at // 1000, "kind": "status", "data": {"status": "charging"}}
    if i % 50 == 9:
        return at, "reading", {"port": 1, "voltage": "much"}
    return (
        at,
        "reading",
        {"port": 1 + i % 2, "at": at // 1000, "voltage": 230.1 + i % 5, "energy": 1000.0 + i, "other": {"rssi": -60}},
    )


def say(settings, ledger, *, leave_out=None):
    """Put messages into the log as a bridge would, and into the ledger as a broker would; one may be left out of the log."""
    producer = Producer(settings.kafka, "test")
    partition = partition_of(STATION.encode(), settings.kafka.partitions)
    for i in range(300):
        at, kind, body = message(i)
        topic, payload = f"ev/{STATION}/from/{kind}", orjson.dumps(body)
        (number,) = ledger.said([Said(at, STATION, topic, payload)])
        ledger.acknowledged(number)
        if i == leave_out:
            continue
        cw = encode_cw("m", at + 5_000, False, False, "from", 1, "test", i)
        producer.send(settings.kafka.topics.raw, payload, key=topic.encode(), partition=partition, headers=[("cw", cw)])
    for partition in range(settings.kafka.partitions):
        beat = {"bridge": "test", "at": NOW_US, "connected": True, "since": NOW_US - 600_000_000, "filters": ["ev/#"]}
        cw = encode_cw("h", NOW_US, False, False, "other", 1, "test", 0)
        producer.send(settings.kafka.topics.raw, orjson.dumps(beat), partition=partition, headers=[("cw", cw)])
    producer.flush(30)


def run_chain(settings):
    until = {p: high for p, (_, high) in ends(settings.kafka, settings.kafka.topics.raw).items()}
    run_flow(
        fused(settings.kafka, normalising(settings), outlets(settings), until=until), settings.data_dir / "recovery"
    )


@pytest.fixture
def sound(deployment, tmp_path):
    """A chain that ran over 300 messages of one station, and its ledger."""
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        say(deployment, ledger)
    run_chain(deployment)
    return deployment, path


def execute(settings, sql):
    with psycopg.connect(settings.database.dsn, autocommit=True) as conn:
        return conn.execute(f"SET search_path TO {settings.namespace}; {sql}").rowcount


def named(report):
    return [(f.kind, f.place, f.who) for f in report.findings]


def test_a_sound_chain_has_no_findings_and_its_sums_add_up(sound):
    settings, ledger = sound

    report = audit(settings, ledger=ledger)

    assert named(report) == []
    counts = report.counts
    assert counts["rejected"] == 6
    assert counts["received"] == sum(
        counts[name] for name in ("stored", "repeated", "superseded", "rejected", "queued")
    )
    assert report.acknowledged == report.messages == 300


def test_what_is_on_its_way_is_waited_for(deployment, tmp_path, monkeypatch):
    monkeypatch.setattr("chargewell.audit.run.UNDER_WAY_S", 60.0)
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        say(deployment, ledger)
    late = threading.Timer(1.0, run_chain, (deployment,))
    late.start()

    report = audit(deployment, ledger=tmp_path / "ledger.jsonl")
    late.join()

    assert named(report) == []
    assert report.counts["queued"] == 0


def test_a_flow_that_does_not_come_is_not_waited_for_long(deployment, tmp_path, monkeypatch):
    monkeypatch.setattr("chargewell.audit.run.UNDER_WAY_S", 0.2)
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        say(deployment, ledger)

    assert {kind for kind, _, _ in named(audit(deployment, ledger=tmp_path / "ledger.jsonl"))} == {"gap"}


def test_a_deleted_row_is_named_by_port_and_time(sound):
    settings, ledger = sound
    execute(settings, "DELETE FROM reading WHERE at = (SELECT min(at) FROM reading)")

    findings = audit(settings, ledger=ledger).findings

    assert [(f.kind, f.place, f.who, f.at) for f in findings] == [
        ("missing_row", "reading", f"{STATION}/1", NOW_US - MINUTES * 60_000_000)
    ]


def test_a_doubled_row_is_named(sound):
    settings, ledger = sound
    execute(
        settings,
        "INSERT INTO reading (port_no, at, received_at, flags, voltage, energy) "
        "SELECT port_no, at + interval '1 millisecond', received_at, flags, voltage, energy FROM reading ORDER BY at LIMIT 1",
    )

    assert named(audit(settings, ledger=ledger)) == [("unexpected_row", "reading", f"{STATION}/1")]


def test_a_back_dated_row_is_named_where_it_lacks_and_where_it_stands(sound):
    settings, ledger = sound
    execute(
        settings,
        "UPDATE reading SET at = at - interval '1500 milliseconds' "
        "WHERE at = (SELECT at FROM reading ORDER BY at OFFSET 50 LIMIT 1)",
    )

    assert sorted(kind for kind, _, _ in named(audit(settings, ledger=ledger))) == ["missing_row", "unexpected_row"]


def test_an_altered_value_is_named_with_both_values(sound):
    settings, ledger = sound
    execute(settings, "UPDATE reading SET energy = energy + 1 WHERE at = (SELECT min(at) FROM reading)")

    (finding,) = audit(settings, ledger=ledger).findings

    assert (finding.kind, finding.detail) == ("altered_row", "energy is 1001, the log says 1000")


def test_a_dropped_message_is_named_by_the_ledger(deployment, tmp_path):
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        say(deployment, ledger, leave_out=20)
    run_chain(deployment)

    (finding,) = audit(deployment, ledger=path).findings

    assert (finding.kind, finding.who, finding.at) == ("lost_message", STATION, message(20)[0])


def test_records_that_normalise_did_not_account_for_are_a_gap(sound):
    settings, ledger = sound
    with Ledger(ledger) as more:
        say(settings, more)

    assert {kind for kind, _, _ in named(audit(settings, ledger=ledger))} == {"gap"}


def test_the_command_exits_with_one_and_prints_the_finding(sound):
    settings, ledger = sound
    execute(settings, "DELETE FROM event")

    result = CliRunner().invoke(app, ["audit", "--ledger", str(ledger)])

    assert result.exit_code == 1
    assert "missing_row in event" in result.output
    assert json.dumps(STATION).strip('"') in result.output
