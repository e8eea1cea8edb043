import gzip
from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.ports import US
from simulator.recording import Line, RecordingError, play, read, simulate, write

START = 1_760_000_040 * US // (60 * US) * (60 * US)


@pytest.fixture(scope="module")
def recording():
    return simulate(START, seconds=300, seed=2)


def test_a_recording_is_the_same_each_time_it_is_made(recording):
    again = simulate(START, seconds=300, seed=2)

    assert again.lines == recording.lines
    assert again.labels == recording.labels
    assert simulate(START, seconds=300, seed=3).lines != recording.lines


def test_a_recording_holds_its_time_in_order_with_late_and_repeated_messages(recording):
    at = [line.at for line in recording.lines]
    assert at == sorted(at)
    assert at[0] >= START
    assert at[-1] < START + 340 * US
    late = [
        line for line in recording.lines
        if line.topic.endswith("/reading") and line.at - orjson.loads(line.payload)["at"] * 1000 > 20 * US
    ]  # fmt: skip
    assert late
    twice = Counter((line.topic, line.payload) for line in recording.lines if b'"at"' in line.payload)
    assert 20 < sum(n > 1 for n in twice.values()) < 0.03 * len(recording.lines)


def test_a_recording_tells_sessions_that_start_end_and_are_cut(recording):
    kinds = Counter()
    reasons = Counter()
    for line in recording.lines:
        if line.topic.endswith("from/event"):
            event = orjson.loads(line.payload)
            kinds[event["kind"]] += 1
            reasons[event["data"].get("reason", "")] += 1

    assert kinds["session_start"] > 5
    assert kinds["session_end"] > 3
    assert reasons["local"] > 0
    assert sum(reasons[r] for r in ("other", "ground_fault", "emergency_stop", "reboot")) > 0
    assert len(recording.ports) == 120
    assert any(label.hidden for label in recording.labels)


text = st.text(st.characters(codec="utf-8"), max_size=40)
lines = st.builds(Line, text.filter(bool), text.map(str.encode), st.integers(0, 2**53))


@given(st.lists(lines, max_size=20), st.sampled_from(["r.jsonl", "r.jsonl.gz"]))
def test_what_is_written_is_read_again(tmp_path_factory, wanted, name):
    path = tmp_path_factory.mktemp("recording") / name

    assert write(path, wanted) == len(wanted)
    assert list(read(path)) == wanted


def test_compressed_recordings_are_the_same_bytes_each_time(tmp_path):
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write(tmp_path / name, [Line("t", b"{}", 5)])

    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == b'{"topic":"t","payload":"{}","at":5}\n'


def test_payloads_may_be_objects_and_times_rfc_3339(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(
        '{"topic":"a","payload":{"x":1},"at":"2025-01-01T00:00:00Z"}\n\n{"topic":"a","payload":[2,"1"],"at":7}\n'
    )

    assert list(read(path)) == [Line("a", b'{"x":1}', 1_735_689_600_000_000), Line("a", b'[2,"1"]', 7)]


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        '{"topic":"a","payload":"x"}',
        '{"topic":1,"payload":"x","at":1}',
        '{"topic":"a","payload":"x","at":"noon"}',
    ],
)
def test_a_line_that_is_no_message_is_named(tmp_path, bad):
    path = tmp_path / "r.jsonl"
    path.write_text('{"topic":"a","payload":"x","at":1}\n' + bad + "\n")

    with pytest.raises(RecordingError, match=r"r\.jsonl, line 2"):
        list(read(path))


def test_lines_are_played_at_their_pace_or_at_once():
    wanted = [Line("a", b"1", 1_000_000), Line("a", b"2", 3_000_000), Line("a", b"3", 4_000_000)]
    clock = [10.0]
    played = []

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    count = play(
        wanted, lambda line: played.append((clock[0], line.payload)), speed=2, clock=lambda: clock[0], sleep=sleep
    )
    at_once = play(wanted, lambda line: None, speed=0, clock=lambda: clock[0], sleep=sleep)

    assert played == [(10.0, b"1"), (11.0, b"2"), (11.5, b"3")]
    assert (count, at_once, clock[0]) == (3, 3, 11.5)
