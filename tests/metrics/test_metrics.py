"""Metrics: named after the conventions, shown where a port is set, cheap to count."""

import re
import socket
import urllib.request

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Counter, Histogram
from prometheus_client.parser import text_string_to_metric_families

import connectors.flow_metrics as flow_metrics
import control.metrics
import pipelines.bridge.metrics
from connectors.metrics import REGISTRY, Asked, MetricsSettings, asked, shown
from models.operator import Outputs
from pipelines.bridge.metrics import BridgeMetrics, Probe

UNITS = {"seconds", "bytes", "messages", "lines", "total", "ratio"}
MODULES = (flow_metrics, control.metrics, pipelines.bridge.metrics)
OURS = [value for module in MODULES for value in vars(module).values() if hasattr(value, "_documentation")]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return {
        s.name + repr(sorted(s.labels.items())): s.value
        for f in text_string_to_metric_families(text)
        for s in f.samples
    }


@pytest.mark.parametrize("metric", OURS, ids=lambda metric: metric._name)
def test_names_follow_the_conventions(metric):
    assert re.fullmatch(r"chargewell_[a-z]+(_[a-z]+)+", metric._name)
    assert metric._documentation[0].isupper()
    assert not metric._documentation.endswith(".")
    if isinstance(metric, Histogram):
        assert metric._name.endswith("_seconds")
    if isinstance(metric, Counter):
        assert not re.search(r"_(current|now|open)$", metric._name)


def test_the_registry_is_shown_under_the_port_and_no_longer_after():
    port = free_port()
    with (
        shown(MetricsSettings(port=port)) as at,
        asked(Asked([("t_things", "Things", lambda: 3)], [("t_now", "Now", lambda: 4)])),
    ):
        found = scrape(at)
    assert at == port
    assert found["t_things_total[]"] == 3
    assert found["t_now[]"] == 4
    assert found["process_resident_memory_bytes[]"] > 1e6
    with pytest.raises(OSError, match="refused"):
        scrape(port)


def test_nothing_is_shown_without_a_port():
    with shown(MetricsSettings()) as at:
        assert at is None


def test_a_port_that_is_taken_is_named_with_the_setting():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"port {port} .*metrics\.port"), shown(MetricsSettings(port=port)):
            pass


class FakeBridge:
    received, confirmed, unacknowledged, too_large, connected = 7, 5, 2, 1, True


def test_a_bridge_is_read_when_somebody_scrapes():
    bridge = FakeBridge()
    with asked(BridgeMetrics(bridge)):
        assert REGISTRY.get_sample_value("chargewell_bridge_messages_received_total") == 7
        bridge.received = 9
        assert REGISTRY.get_sample_value("chargewell_bridge_messages_received_total") == 9
        assert REGISTRY.get_sample_value("chargewell_bridge_connected") == 1


def count(name):
    return REGISTRY.get_sample_value(name) or 0.0


def test_the_probe_follows_one_message_until_it_is_confirmed():
    probe, before = Probe(), count("chargewell_bridge_confirmation_seconds_count")
    for received, confirmed in ((0, 0), (3, 0), (9, 2), (9, 3), (9, 3), (9, 8), (9, 9), (9, 9)):
        probe.look(received, confirmed)

    assert count("chargewell_bridge_confirmation_seconds_count") == before + 2


plain = st.recursive(
    st.one_of(st.integers(0, 9), st.floats(allow_nan=False), st.binary(max_size=9), st.text("ab", max_size=9), st.none(),
              st.lists(st.integers(0, 9), max_size=9), st.integers(0, 9).map(lambda n: np.zeros(n, np.float32))),
    lambda inner: st.dictionaries(st.text("ab", max_size=2), inner, max_size=4) | st.lists(st.dictionaries(st.just("k"), inner), max_size=3),
)  # fmt: skip


def slow_bytes(state):
    if isinstance(state, np.ndarray):
        return state.nbytes
    if isinstance(state, bytes | str):
        return len(state)
    if isinstance(state, dict):
        return 8 * len(state) + sum(slow_bytes(value) for value in state.values())
    if isinstance(state, list):
        return sum(8 if isinstance(value, int | float) else slow_bytes(value) for value in state)
    return 8


@given(plain)
def test_the_size_of_a_state_is_that_of_its_parts(state):
    assert flow_metrics.state_bytes(state) == slow_bytes(state)


def test_what_a_write_came_to_is_counted_by_outcome():
    from connectors.timescale.tally import Counts

    sink = flow_metrics.SinkMetrics("metrics-test")
    sink.wrote(0.0, Counts(stored=5, rejected=2))
    sink.wrote(0.0, Counts(stored=1))

    found = {
        o: REGISTRY.get_sample_value("chargewell_sink_lines_total", {"flow": "metrics-test", "outcome": o})
        for o in ("stored", "repeated", "rejected")
    }
    assert found == {"stored": 6, "repeated": 0, "rejected": 2}


def test_an_awakening_without_lines_says_nothing_about_age():
    one = flow_metrics.OperatorMetrics("metrics-test", "00n")
    one.stepped(0.0, 1, 0)
    one.stepped(0.0, 1_000_000, 10)

    assert REGISTRY.get_sample_value("chargewell_operator_age_seconds_count", {"operator": "metrics-test"}) == 1
    assert REGISTRY.get_sample_value("chargewell_operator_lines_total", {"operator": "metrics-test"}) == 10
    assert not Outputs()
