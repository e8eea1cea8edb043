"""The benchmark of the chain: the rivals do the work they are measured by, and a ratio that is missed is an exit status."""

import io
import json

import pytest
from rich.console import Console

from chargewell.bench import chain
from chargewell.bench.load import enter_ports, fill
from connectors.timescale.pool import connect

READINGS = 8_000


@pytest.fixture
def load(deployment, tmp_path):
    """8,000 readings of 2,000 ports in the log; the folder that says where they end."""
    enter_ports(deployment.database)
    (tmp_path / "load.json").write_text(json.dumps({"raw": fill(deployment.kafka, READINGS)}))
    return tmp_path


@pytest.mark.integration
def test_our_flow_and_its_rivals_store_every_reading_of_the_load(deployment, load):
    for name, table in (("fused", "reading"), ("best_per_item", "bench_reading"), ("idiomatic", "bench_reading")):
        chain._empty(deployment)
        measured = chain._stage(name, load)
        with connect(deployment.database) as conn:
            stored = conn.execute(
                f"SELECT count(*), count(DISTINCT at), round(avg(voltage)::numeric, 3) FROM {table}"
            ).fetchone()

        assert stored[:2] == (READINGS, READINGS // 2_000)
        assert 400 < stored[2] < 620
        assert measured["seconds"] > 0
        assert measured["bytes_a_port"] > (1_000 if name == "fused" else 20)


def test_a_ratio_that_is_missed_is_named_and_ends_in_one():
    out = io.StringIO()
    console = Console(file=out, width=200)
    ran = {"cpu_s": 1.0, "peak_mb": 100.0, "bytes_a_port": 7_000.0}
    results = {"fused": [ran | {"seconds": 2.0}] * 3, "best_per_item": [ran | {"seconds": s} for s in (5.0, 7.0, 5.8)]}

    ratios = chain.show(results, 1_000_000, console)
    assert ratios == {"fused / best_per_item": pytest.approx(2.9)}
    assert "500,000" in out.getvalue()
    assert chain._verdict(ratios | {"sink / bare COPY": 0.9}, console) == 1
    assert "fused / best_per_item: 2.90 (wanted at least 3.0)" in out.getvalue()
    assert chain._verdict({"fused / best_per_item": 3.1, "sink / bare COPY": 0.9}, console) == 0
