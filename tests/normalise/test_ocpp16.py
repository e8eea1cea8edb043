"""OCPP 1.6-J: calls, answers, what is remembered between them, and what is tolerated."""

import hashlib

import pytest

from schemas.telemetry import CLOCK_REPLACED

FROM, TO = "ev/CP-7/from/ocpp16", "ev/CP-7/to/ocpp16"
T = "2025-10-09T08:50:00Z"
AT = 1_759_999_800_000_000
TOKEN = hashlib.blake2b(b"04A1B2C3", key=b"a key for tests only", digest_size=16).hexdigest()


@pytest.fixture
def call(said):
    """`call(action, payload)`: events, readings, other values, (reason, detail) of rejects of one call of the station."""
    numbers = iter(range(1_000))
    return lambda action, payload: short(said(FROM, [2, f"m{next(numbers)}", action, payload]))


def short(view):
    return {
        "events": [(e.port, e.kind, e.at, e.flags, e.data) for e in view["events"]],
        "readings": [(r[0], r[1], r[6]) for r in view["readings"]],
        "other": [(r[0], r[5], r[6]) for r in view["other"]],
        "rejects": [(r.reason, r.detail) for r in view["rejects"]],
    }


def test_a_status_says_state_error_code_and_connector(call):
    payload = {"connectorId": 2, "errorCode": "EVCommunicationError", "status": "SuspendedEVSE", "timestamp": T}
    payload |= {"info": "pilot lost", "vendorId": "https://chargex.inl.gov", "vendorErrorCode": "CX014"}

    data = {
        "status": "suspended_evse",
        "error": "ev_communication_error",
        "vendor_code": "CX014",
        "info": "pilot lost",
        "connector": 2,
    }
    assert call("StatusNotification", payload)["events"] == [("CP-7/2", "status", AT, 0, data)]


@pytest.mark.parametrize(
    ("said_status", "status"),
    [
        ("Available", "available"),
        ("Preparing", "preparing"),
        ("Charging", "charging"),
        ("SuspendedEV", "suspended_ev"),
        ("SuspendedEVSE", "suspended_evse"),
        ("Finishing", "finishing"),
        ("Reserved", "reserved"),
        ("Unavailable", "unavailable"),
        ("Faulted", "faulted"),
        ("suspendedEv", "suspended_ev"),
    ],
)
def test_every_status_has_its_canonical_name(said_status, status, call):
    payload = {"connectorId": 1, "errorCode": "NoError", "status": said_status}

    assert call("StatusNotification", payload)["events"][0][4] == {"status": status, "connector": 1}


def test_connector_zero_is_the_station_and_a_missing_time_is_the_receive_time(call, now):
    payload = {"connectorId": 0, "errorCode": "NoError", "status": "Unavailable", "info": "", "vendorErrorCode": ""}

    assert call("StatusNotification", payload)["events"] == [("CP-7/0", "status", now, 0, {"status": "unavailable"})]


@pytest.mark.parametrize("time", ["", None])
def test_a_blank_time_is_the_receive_time(time, call, now):
    payload = {"connectorId": 1, "status": "Available", "timestamp": time}

    assert call("StatusNotification", payload)["events"][0][2:4] == (now, 0)


@pytest.mark.parametrize(
    ("time", "device_at"),
    [("1970-01-01T00:03:00Z", 180_000_000), ("soon", 0), ("2031-01-01T00:00:00", 1_924_992_000_000_000)],
)
def test_an_implausible_or_unreadable_time_is_replaced_and_both_are_kept(time, device_at, call, now):
    payload = {"connectorId": 1, "status": "Available", "timestamp": time}

    data = {"status": "available", "connector": 1, "device_at": device_at}
    assert call("StatusNotification", payload)["events"] == [("CP-7/1", "status", now, CLOCK_REPLACED, data)]


@pytest.mark.parametrize(
    "time", ["2025-10-09T08:50:00", "2025-10-09T10:50:00+02:00", "2025-10-09T08:50:00.000Z", "2025-10-09T085000Z"]
)
def test_times_are_read_as_stations_write_them_and_without_zone_as_utc(time, call):
    payload = {"connectorId": 1, "status": "Available", "timestamp": time}

    assert call("StatusNotification", payload)["events"][0][2:4] == (AT, 0)


def test_boot_and_heartbeat_speak_for_the_station(call, now):
    boot = {
        "chargePointVendor": "Acme",
        "chargePointModel": "DC-60",
        "chargeBoxSerialNumber": 4711,
        "firmwareVersion": "1.2\x00",
    }

    data = {"vendor": "Acme", "model": "DC-60", "firmware": "1.2", "serial": "4711"}
    assert call("BootNotification", boot)["events"] == [("CP-7/0", "boot", now, 0, data)]
    assert call("Heartbeat", {"extra": 1})["events"] == [("CP-7/0", "alive", now, 0, {})]


def test_a_transaction_learns_its_id_from_the_answer_and_its_port_from_the_start(said):
    start = {"connectorId": 3, "idTag": "04a1b2c3", "meterStart": "1500", "timestamp": T}
    began = short(said(FROM, [2, "s1", "StartTransaction", start]))["events"]
    known = short(said(TO, [3, "s1", {"transactionId": 77, "idTagInfo": {"status": "Accepted"}}]))["events"]
    stop = {
        "transactionId": "77",
        "meterStop": 9000.5,
        "timestamp": "2025-10-09T08:53:00Z",
        "reason": "EVDisconnected",
        "idTag": " 04A1B2C3 ",
    }
    ended = short(said(FROM, [2, "s2", "StopTransaction", stop]))["events"]

    assert began == [("CP-7/3", "session_start", AT, 0, {"token": TOKEN, "meter_wh": 1500.0, "connector": 3})]
    assert known == [("CP-7/3", "session_id", AT, 0, {"session": "77", "meter_wh": 1500.0, "token": TOKEN})]
    end = {"session": "77", "meter_wh": 9000.5, "reason": "ev_disconnected", "token": TOKEN}
    assert ended == [("CP-7/3", "session_end", AT + 180_000_000, 0, end)]


def test_the_answer_to_a_start_under_a_wrong_clock_names_the_instant_that_the_start_got(said, now):
    start = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": "1970-01-01T00:00:09Z"}
    began = said(FROM, [2, "s1", "StartTransaction", start])["events"][0]
    known = said(TO, [3, "s1", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}], received=now + 2_000_000)[
        "events"
    ][0]

    assert (began.at, known.at, known.received_at) == (now, now, now + 2_000_000)


def test_a_repeated_start_and_a_repeated_stop_say_the_same_again(said):
    start = [2, "s1", "StartTransaction", {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": T}]
    stop = [2, "s2", "StopTransaction", {"transactionId": 5, "meterStop": 10, "timestamp": T}]
    answer = [3, "s1", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}]
    once = [short(said(FROM if f[0] == 2 else TO, f))["events"] for f in (start, answer, stop)]
    again = [short(said(FROM if f[0] == 2 else TO, f))["events"] for f in (start, answer, stop)]

    assert once == again
    assert once[2][0][0] == "CP-7/1"


@pytest.mark.parametrize("transaction", [-1, 0, None])
def test_a_stop_without_a_transaction_id_belongs_to_the_only_open_start(transaction, said):
    said(FROM, [2, "a", "StartTransaction", {"connectorId": 2, "idTag": "x", "meterStart": 0, "timestamp": T}])
    (end,) = said(FROM, [2, "b", "StopTransaction", {"transactionId": transaction, "meterStop": -1, "timestamp": T}])[
        "events"
    ]

    assert (end.port, end.data) == ("CP-7/2", {"reason": "local"})


def test_a_stop_that_could_belong_to_two_starts_stays_with_the_station(said):
    for connector in (1, 2):
        said(
            FROM,
            [
                2,
                f"a{connector}",
                "StartTransaction",
                {"connectorId": connector, "idTag": "x", "meterStart": 0, "timestamp": T},
            ],
        )
    (end,) = said(FROM, [2, "b", "StopTransaction", {"transactionId": -1, "meterStop": 5, "timestamp": T}])["events"]

    assert end.port == "CP-7/0"


def test_meter_values_tell_the_port_of_a_transaction_whose_start_was_not_heard(said):
    value = {"timestamp": T, "sampledValue": [{"value": "5"}]}
    said(FROM, [2, "a", "MeterValues", {"connectorId": 4, "transactionId": 9, "meterValue": [value]}])
    (end,) = said(FROM, [2, "b", "StopTransaction", {"transactionId": 9, "meterStop": 5, "timestamp": T}])["events"]

    assert end.port == "CP-7/4"


def test_transaction_data_of_a_stop_become_readings_of_the_port_before_the_end(said):
    said(FROM, [2, "a", "StartTransaction", {"connectorId": 2, "idTag": "x", "meterStart": 0, "timestamp": T}])
    data = [{"timestamp": T, "sampledValue": [{"value": "5", "context": "Transaction.End"}]}]
    view = said(
        FROM, [2, "b", "StopTransaction", {"transactionId": 3, "meterStop": 5, "timestamp": T, "transactionData": data}]
    )

    assert [(r[0], r[4], r[6]) for r in view["readings"]] == [("CP-7/2", 0, {"energy": 5.0})]
    assert [(e.port, e.seq) for e in view["events"]] == [("CP-7/2", 1)]


def test_an_authorisation_is_told_with_its_answer(said, now):
    asked = short(said(FROM, [2, "a", "Authorize", {"idTag": "04a1b2c3"}]))["events"]
    answered = short(said(TO, [3, "a", {"idTagInfo": {"status": "ConcurrentTx"}}]))["events"]

    assert asked == [("CP-7/0", "alive", now, 0, {})]
    assert answered == [("CP-7/0", "authorize", now, 0, {"token": TOKEN, "result": "concurrent_tx"})]


def test_a_start_that_is_not_accepted_is_told_as_such(said):
    said(FROM, [2, "a", "StartTransaction", {"connectorId": 1, "idTag": "04a1b2c3", "meterStart": 0, "timestamp": T}])
    events = said(TO, [3, "a", {"transactionId": 0, "idTagInfo": {"status": "Blocked"}}])["events"]

    assert [(e.kind, e.data) for e in events] == [("authorize", {"token": TOKEN, "result": "blocked"})]


def test_an_answer_is_matched_once_by_station_side_and_id(said):
    said(FROM, [2, "a", "Heartbeat", {}])
    said(TO, [2, "a", "Reset", {"type": "Soft"}])
    said("ev/CP-8/from/ocpp16", [2, "b", "Heartbeat", {}])

    answers = [(TO, "a"), (TO, "a"), (FROM, "a"), (FROM, "a"), (TO, "b")]
    told = [short(said(topic, [3, key, {}]))["rejects"][0] for topic, key in answers]
    assert [(reason, detail.split()[0]) for reason, detail in told] == [
        ("empty", "Heartbeat.conf"),
        ("unmatched", "no"),
        ("unsupported", "Reset.conf"),
        ("unmatched", "no"),
        ("unmatched", "no"),
    ]


def test_an_error_answer_names_the_call_it_ends(said):
    said(FROM, [2, "a", "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}])

    assert short(said(TO, [4, "a", "InternalError", "try later", {}]))["rejects"] == [
        ("call_error", "BootNotification: InternalError: try later")
    ]
    assert short(said(TO, [4, "a", "InternalError", "", {}]))["rejects"][0][0] == "call_error"


@pytest.mark.parametrize(
    ("frame", "reason", "words"),
    [
        ([2, "a", "DataTransfer", {"vendorId": "x"}], "unsupported", "DataTransfer"),
        ([2, "a", "StatusNotification", {"connectorId": 1, "status": "Broken"}], "schema", "'Broken' is not known"),
        ([2, "a", "StatusNotification", {"status": "Available"}], "schema", "connectorId"),
        ([2, "a", "StatusNotification", {"connectorId": -1, "status": "Available"}], "port", "-1"),
        ([2, "a", "StartTransaction", {"connectorId": 0, "idTag": "x", "meterStart": 0}], "port", "1 to"),
        ([2, "a", "Authorize", {"idTag": None}], "schema", "idTag"),
        ([2, "a", "BootNotification", {}], "schema", "chargePointVendor"),
        ([2, "a", "MeterValues", {"connectorId": 1, "meterValue": []}], "empty", "no sampled value"),
        ([2, "a", "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": T}]}], "empty", "no sampled value"),
        ([2, "a", "Heartbeat"], "schema", "4 parts"),
        ([2, "a", "Heartbeat", {}, {}], "schema", "4 parts"),
        ([2, "a", {}, "Heartbeat"], "schema", ""),
        ([2, "a", 5, {}], "schema", "action"),
        ([2, ["a"], "Heartbeat", {}], "schema", ""),
        ([2, None, "Heartbeat", {}], "schema", "id"),
        ([True, "a", "Heartbeat", {}], "schema", "not ["),
        ([9, "a", "Heartbeat", {}], "schema", "not ["),
        ([6, "a", "NotifyPeriodicEventStream", {}], "unsupported", "message type 6"),
        ([], "schema", "not ["),
        ({}, "schema", ""),
        (7, "schema", ""),
    ],
)
def test_what_cannot_be_read_is_rejected_with_its_reason(frame, reason, words, said):
    (got,) = short(said(FROM, frame))["rejects"]

    assert got[0] == reason
    assert words in got[1]


@pytest.mark.parametrize(
    "payload", [b"", b"[2,", b'[2,"a","Heartbeat",{}', b"\xff\xfe", b'[2,"\xff","Heartbeat",{}]', b"[" * 5_000]
)
def test_bytes_that_are_no_json_are_rejected_as_such(payload, said):
    assert short(said(FROM, payload))["rejects"][0][0] == "json"


def test_calls_to_a_station_are_not_read_but_remembered(said):
    assert short(said(TO, [2, "x", "RemoteStartTransaction", {"idTag": "t"}]))["rejects"] == [
        ("unsupported", "RemoteStartTransaction")
    ]
    assert short(said(FROM, [3, "x", {"status": "Accepted"}]))["rejects"] == [
        ("unsupported", "RemoteStartTransaction.conf")
    ]


def test_the_memory_of_calls_is_bounded_by_station(normaliser, record):
    frames = [record(FROM, [2, f"{i}", "Heartbeat", {}], offset=i) for i in range(500)]
    normaliser.normalise(0, frames)

    (station,) = normaliser.snapshot()["calls"]["stations"].values()
    assert [key for _, key, *_ in station["asked"]] == ["496", "497", "498", "499"]
