"""The speed table has every size asked for, what it measures is detection, and a port stays within its 8 KB."""

import io

from rich.console import Console

from chargewell.bench.detectors import Network, run
from models.anomaly.detector import MAX_BYTES


def test_every_size_has_its_speed_and_a_port_its_bound():
    out = io.StringIO()

    speeds = run(seconds=0.05, repeats=1, ports=(20, 50), rows=(100,), console=Console(file=out, width=100))

    assert set(speeds.readings_per_s) == {(20, 100), (50, 100)}
    assert min(speeds.readings_per_s.values()) > 0
    assert speeds.bytes_per_port <= MAX_BYTES
    assert f"{speeds.bytes_per_port:,} bytes" in out.getvalue()


def test_every_port_is_known_and_judged_while_its_speed_is_measured():
    network = Network(8)

    said = [network.operator.on_batch(network.batch(200)) for _ in range(20)]

    minutes = [write for outputs in said for write in outputs.writes]
    assert {port for write in minutes for port in write.port.tolist()} == set(range(8))
    assert min(score for write in minutes for score in write.columns["score"]) > 0, (
        "a minute that nothing judged has none"
    )
    assert not [alert for outputs in said for alert in outputs.alerts]
