import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.messages import MODELS
from simulator.sessions_file import SessionsFileError, messages_of, read_sessions

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def entry(
    number: int, minutes: float = 60, kwh: float = 7.5, begin: datetime = NOON, done: float | None = None, **more
) -> dict:
    """One session in the shape of the ACN files."""
    http = {"usegmt": True}
    fields = {
        "_id": f"x{number}", "siteID": "0002", "spaceID": "CA-1", "stationID": "9-1-2-3", "sessionID": f"9_1 {number}",
        "connectionTime": format_datetime(begin, **http),
        "disconnectTime": format_datetime(begin + timedelta(minutes=minutes), **http),
        "doneChargingTime": None if done is None else format_datetime(begin + timedelta(minutes=done), **http),
        "kWhDelivered": kwh, "userInputs": None, "timezone": "America/Los_Angeles",
    }  # fmt: skip
    return fields | more


def written(path, entries):
    path.write_text(json.dumps(entries))
    return path


def told(lines) -> dict[str, dict]:
    """Per session: register difference, integral of power, start, end, statuses."""
    found = defaultdict(dict)
    running = None
    for line in lines:
        body = json.loads(line.payload)
        kind = line.topic.rpartition("/")[2]
        MODELS[kind].validate_json(line.payload)
        if kind == "event" and body["kind"] == "session_start":
            running = body["data"]["session"]
            found[running] = {
                "start": body["at"],
                "from": body["data"]["meter_wh"],
                "at": [],
                "power": [],
                "energy": [],
            }
        if kind == "readings":
            for name in ("power", "energy"):
                found[running][name] += body["channels"][name]
            found[running]["at"] += body["at"]
        if kind == "event" and body["kind"] == "session_end":
            found[body["data"]["session"]] |= {"end": body["at"], "to": body["data"]["meter_wh"]}
    return found


@settings(max_examples=60, deadline=None)
@given(
    kwh=st.floats(0.05, 80), minutes=st.floats(2, 3000), done=st.none() | st.floats(0.1, 2000),
    cadence=st.sampled_from([10.0, 60.0, 300.0]),
)  # fmt: skip
def test_energies_agree_as_register_and_as_integral_whichever_way_it_is_taken(
    tmp_path_factory, kwh, minutes, done, cadence
):
    path = written(tmp_path_factory.mktemp("acn") / "s.json", [entry(1, minutes, kwh, done=done)])
    real = read_sessions(path)

    (session,) = told(messages_of(real, cadence)).values()

    hours = np.diff(session["at"]) / 3.6e6
    power = np.array(session["power"])
    for integral in (
        np.trapezoid(power, np.array(session["at"]) / 3.6e6),
        (power[:-1] * hours).sum(),
        (power[1:] * hours).sum(),
    ):
        assert integral == pytest.approx(kwh * 1000, rel=1e-3, abs=0.02)
    assert session["to"] - session["from"] == pytest.approx(kwh * 1000, rel=1e-6, abs=1e-3)
    assert session["energy"][-1] - session["energy"][0] == pytest.approx(kwh * 1000, rel=1e-6, abs=1e-3)
    assert np.diff(session["energy"]).min() >= -1e-3
    assert (np.diff(session["at"]) > 0).all()
    assert np.diff(session["at"]).max() <= cadence * 1000 + 1 or len(session["at"]) == 21


def test_recorded_times_stand_in_the_messages(tmp_path):
    real = read_sessions(written(tmp_path / "s.json", [entry(1, minutes=90, done=50)]))
    lines = messages_of(real)

    (session,) = told(lines).values()

    assert session["start"] == int(NOON.timestamp() * 1000)
    assert session["end"] == session["start"] + 90 * 60_000
    assert session["at"][-1] == session["start"] + 50 * 60_000
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert {line.topic.split("/")[1] for line in lines} == {"9-1-2-3"}
    statuses = [
        json.loads(x.payload)["data"]["status"] for x in lines if b'"status"' in x.payload and b"kind" in x.payload
    ]
    assert statuses == ["available", "preparing", "charging", "suspended_ev", "available"]


def test_the_register_of_a_station_goes_on_from_session_to_session(tmp_path):
    entries = [entry(i, kwh=1.5 + i, begin=NOON + timedelta(hours=3 * i)) for i in range(4)]
    found = told(messages_of(read_sessions(written(tmp_path / "s.json", entries[::-1]))))

    assert [s["from"] for s in found.values()] == pytest.approx([1e6, 1e6 + 1500, 1e6 + 4000, 1e6 + 7500])


def test_a_session_without_disconnect_is_played_with_an_open_end_and_listed(tmp_path):
    entries = [entry(1, disconnectTime=None, done=40), entry(2, begin=NOON + timedelta(days=1), disconnectTime=None)]
    real = read_sessions(written(tmp_path / "s.json", entries))

    found = told(messages_of(real))

    assert real.open == ["9_1 1", "9_1 2"]
    assert all("end" not in session for session in found.values())
    assert all(s["energy"][-1] - s["energy"][0] == pytest.approx(7500) for s in found.values())


def test_times_that_the_energy_contradicts_are_listed_and_the_session_is_kept(tmp_path):
    entries = [entry(1, minutes=60, kwh=30, done=0.5), entry(2, minutes=3, kwh=30, begin=NOON + timedelta(days=1))]
    real = read_sessions(written(tmp_path / "s.json", entries))

    found = told(messages_of(real))

    assert real.odd == ["9_1 1", "9_1 2"]
    assert [s["to"] - s["from"] for s in found.values()] == pytest.approx([30_000, 30_000])
    assert found["9_1 1"]["at"][-1] == found["9_1 1"]["end"]


def test_compressed_files_and_files_with_meta_data_are_read(tmp_path):
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps({"_meta": {}, "_items": [entry(1)]}).encode()))

    assert len(read_sessions(tmp_path / "a.json.gz").sessions) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("not json", "not JSON"),
        ('{"a": 1}', "not a list"),
        (json.dumps([entry(1), {"sessionID": "x"}]), "entry 2: connectionTime"),
        (json.dumps([entry(1, connectionTime="yesterday")]), "entry 1: connectionTime"),
        (json.dumps([entry(1, kwh=-1)]), "entry 1: kWhDelivered"),
        (json.dumps([entry(1), entry(1)]), "entry 2: '9_1 1' stands in it twice"),
    ],
)
def test_what_is_no_file_of_sessions_is_refused_by_name(tmp_path, content, why):
    path = tmp_path / "s.json"
    path.write_text(content)

    with pytest.raises(SessionsFileError, match=rf"s\.json.*{why}"):
        read_sessions(path)
