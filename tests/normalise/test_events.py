"""Canonical events, heartbeats, connections: what is accepted, and what is kept of them."""

import pytest

from schemas import events as models
from schemas import telemetry
from schemas.events import DATA
from schemas.telemetry import CLOCK_REPLACED

AT = 1_759_999_800_000
SAMPLES = {
    "status": {"status": "faulted", "error": "ground_failure", "vendor_code": "CX002", "info": "trip", "connector": 1},
    "session_start": {
        "session": "s",
        "token": "t",
        "meter_wh": 1.5,
        "connector": 1,
        "trigger": "remote_start",
        "offline": True,
    },
    "session_update": {"session": "s", "charging_state": "charging", "trigger": "x", "seq_no": 3, "offline": False},
    "session_end": {"session": "s", "meter_wh": 2, "reason": "local", "token": "t", "offline": False, "seq_no": 9},
    "session_id": {"session": "s", "meter_wh": 0, "token": "t"},
    "authorize": {"token": "t", "result": "accepted"},
    "boot": {"reason": "power_up", "vendor": "v", "model": "m", "firmware": "f", "serial": "s"},
    "connection": {"connected": True},
    "fault": {"code": "CX017", "active": True, "info": "welded"},
    "command_result": {"command": "c-1", "result": "expired", "info": "late"},
    "alive": {},
}


def event(kind, data, **more):
    return {"port": 1, "at": AT, "kind": kind, "data": data} | more


def test_there_is_a_model_for_every_kind_and_no_other():
    assert tuple(DATA) == telemetry.EVENT_KINDS
    assert models.Status.__args__ == telemetry.STATUSES


def test_the_samples_show_every_key_of_every_kind():
    assert {kind: set(data) for kind, data in SAMPLES.items()} == {
        kind: set(model.model_fields) for kind, model in DATA.items()
    }


@pytest.mark.parametrize("kind", telemetry.EVENT_KINDS)
def test_an_event_keeps_what_it_says_but_for_the_token(kind, said, now):
    (got,) = said("ev/DE-1/from/event", event(kind, SAMPLES[kind]))["events"]

    assert (got.port, got.kind, got.at, got.received_at, got.flags) == ("DE-1/1", kind, AT * 1_000, now, 0)
    token = got.data.pop("token", None)
    assert got.data == {key: value for key, value in SAMPLES[kind].items() if key != "token"}
    assert ("token" in SAMPLES[kind]) == (token is not None and len(token) == 32)


@pytest.mark.parametrize("kind", telemetry.EVENT_KINDS)
def test_keys_that_a_kind_does_not_know_are_refused_and_null_is_left_out(kind, said):
    assert [r.reason for r in said("ev/DE-1/from/event", event(kind, SAMPLES[kind] | {"mood": 1}))["rejects"]] == [
        "schema"
    ]
    optional = {name: None for name, field in DATA[kind].model_fields.items() if not field.is_required()}
    (got,) = said("ev/DE-1/from/event", event(kind, SAMPLES[kind] | optional))["events"]
    assert set(got.data) == set(SAMPLES[kind]) - set(optional)


def test_a_canonical_token_and_one_of_ocpp_hash_alike(said):
    (canonical,) = said("ev/DE-1/from/event", event("authorize", {"token": " ab01", "result": "accepted"}))["events"]
    said("ev/DE-1/from/ocpp16", [2, "a", "Authorize", {"idTag": "AB01"}])
    (ocpp,) = said("ev/DE-1/to/ocpp16", [3, "a", {"idTagInfo": {"status": "Accepted"}}])["events"]

    assert canonical.data == ocpp.data


def test_port_and_data_may_be_left_out_where_they_say_nothing(said, now):
    (got,) = said("ev/DE-1/from/event", {"kind": "boot"})["events"]

    assert (got.port, got.at, got.data) == ("DE-1/0", now, {})


def test_an_implausible_time_of_an_event_is_kept_beside_the_receive_time(said, now):
    (got,) = said("ev/DE-1/from/event", event("boot", {"reason": "watchdog"}, at="1970-01-01T00:00:01Z"))["events"]

    assert (got.at, got.flags, got.data) == (now, CLOCK_REPLACED, {"reason": "watchdog", "device_at": 1_000_000})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (event("mood", {}), "schema"),
        (event("status", {"status": "Faulted"}), "schema"),
        (event("status", {}), "schema"),
        (event("status", {"status": "charging"}, port=-1), "port"),
        (event("status", {"status": "charging"}, port="1"), "port"),
        (event("status", {"status": "charging"}, at=-1), "schema"),
        (event("status", {"status": "charging"}, extra=1), "schema"),
        (event("status", {"status": "charging", "info": "a\x00b"}), "schema"),
        (event("status", {"status": "charging", "info": "x" * 501}), "schema"),
        (event("session_start", {"meter_wh": float("nan")}), "schema"),
        (event("session_update", {"session": "s", "seq_no": 2**60}), "schema"),
        (event("command_result", {"command": "c", "result": "maybe"}), "schema"),
        ({}, "schema"),
        ([], "schema"),
        (b"", "json"),
        (b"{", "json"),
        (b'{"kind":"boot","data":{"reason":"\xff"}}', "json"),
        (b'{"kind":"boot","data":{"reason":"\\ud800"}}', "json"),
        (b'{"kind":"boot","data":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001, "json"),
    ],
)  # fmt: skip
def test_an_event_that_does_not_fit_is_rejected_with_its_reason(payload, reason, said):
    view = said("ev/DE-1/from/event", payload)

    assert ([r.reason for r in view["rejects"]], view["events"]) == ([reason], [])


def test_a_heartbeat_and_a_last_will_speak_for_the_station(said, now):
    view = [said("ev/DE-1/from/heartbeat", p)["events"][0] for p in ({}, {"at": AT}, {"at": None})]
    will = said("ev/DE-1/from/connection", {"connected": False}, retain=True)["events"][0]

    assert [(e.port, e.kind, e.at, e.data) for e in view] == [
        ("DE-1/0", "alive", at, {}) for at in (now, AT * 1_000, now)
    ]
    assert (will.port, will.kind, will.at, will.data, will.flags) == (
        "DE-1/0",
        "connection",
        now,
        {"connected": False},
        telemetry.RETAINED,
    )
