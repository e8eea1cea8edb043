"""Pages on a running server: what people see, reports by drivers."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from control import accounts
from control.pages import incidents as incident_pages
from control.pages.render import Clock
from control.settings import ControlSettings
from schemas.work import Role

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def desk(site):
    return site.client(token=site.token(Role.ADMIN))


@pytest.fixture
def at_noon(serve):
    return serve(ControlSettings(), clock=lambda: NOON)


@pytest.mark.integration
def test_an_incident_shows_its_reason_its_chart_its_order_and_its_story(
    at_noon, conn, port_no, station, alerts, taken, table
):
    conn.execute(
        """INSERT INTO reading (port_no, at, received_at, temp_connector) SELECT %(p)s, t, t, 60 FROM generate_series(%(a)s, %(b)s, interval '1 min') t""",
        {"p": port_no, "a": NOON - timedelta(hours=1), "b": NOON},
    )
    taken(
        alerts.said(
            f"{station}/1", "contact_wear", text="Runs hot",
            contributions=[{"channel": "temp_connector", "share": 1.0, "observed": 78.0, "expected": 50.0, "unit": "degC"}],
        )
    )  # fmt: skip
    page = (
        at_noon.client(token=at_noon.token(Role.VIEWER))
        .get(f"/incidents/{table('incident', station)[0]['incident_id']}")
        .text
    )

    for said in (
        "Runs hot",
        "connector temperature, °C",
        ">began<",
        ">alert<",
        ">expected<",
        "WO-",
        "Limit the power to half",
        "Raised (P3",
    ):
        assert said in page, said
    assert "Close it" not in page


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/incidents", "/incidents?show=closed", "/incidents?show=history", "/orders", "/orders?show=mine",
                                  "/orders?show=done", "/credits", "/ports", "/ports?find=T-", "/status"])  # fmt: skip
def test_every_list_has_its_page(desk, path):
    assert desk.get(path).status_code == 200


@pytest.mark.integration
def test_history_is_found_behind_any_number_of_newer_incidents(desk, conn, station, alerts, taken, table, monkeypatch):
    old = NOON - timedelta(days=9)
    taken(alerts.said(f"{station}/1", onset=old), alerts.said(f"{station}/1"), alerts.said(f"{station}/2", "pilot"))
    monkeypatch.setattr(incident_pages, "SHOWN", 1)
    conn.execute("UPDATE incident SET closed_at = %s WHERE history AND station = %s", (NOON + timedelta(1), station))
    (historic,) = (i for i in table("incident", station) if i["history"])
    live = [i for i in table("incident", station) if not i["history"]]

    page = desk.get("/incidents?show=history").text

    assert str(historic["incident_id"]) in page
    assert not any(str(i["incident_id"]) in page for i in live)
    listed = {
        history: {i["incident_id"] for i in desk.get(f"/v1/incidents?station={station}&history={history}").json()}
        for history in ("true", "false")
    }
    assert listed["false"] == {str(i["incident_id"]) for i in live}
    assert listed["true"] == listed["false"] | {str(historic["incident_id"])}


@pytest.mark.integration
def test_of_orders_that_ended_the_last_comes_first_and_of_active_ones_the_most_pressing(
    desk, conn, station, alerts, taken
):
    taken(*(alerts.said(f"{station}/{n}", family) for n in (1, 2) for family in ("cooling", "pilot")))
    numbers = [
        n for (n,) in conn.execute("SELECT number FROM work_order WHERE station = %s ORDER BY number", (station,))
    ]
    for number, state, priority, hours in zip(
        numbers, ("verified", "cancelled", "open", "open"), ("P1", "P4", "P3", "P2"), (1, 2, 3, 4), strict=True
    ):
        conn.execute(
            "UPDATE work_order SET state = %s, priority = %s, state_since = %s WHERE number = %s",
            (state, priority, NOON + timedelta(hours=hours), number),
        )

    listed = [order["number"] for order in desk.get(f"/v1/work_orders?station={station}").json()]

    assert listed == [numbers[n] for n in (3, 2, 1, 0)]


@pytest.mark.integration
def test_a_port_shows_its_state_its_uptime_and_its_sessions(at_noon, conn, port_no, station):
    conn.execute(
        "INSERT INTO uptime_now (at, since, port_no, up_1h, up_24h, up_7d, up_30d, state, reason) VALUES (%s, %s, %s, 1, 0.99, 0.98, 0.9712, 'down', 'faulted')",
        (NOON, NOON - timedelta(minutes=10), port_no),
    )
    conn.execute(
        "INSERT INTO availability VALUES (%s, %s, NULL, 'down', 'faulted', NULL)",
        (port_no, NOON - timedelta(minutes=10)),
    )
    page = at_noon.client(token=at_noon.token(Role.VIEWER)).get(f"/ports/{station}/1").text

    for said in ("97.12 %", "99.0 %", "faulted", "12:50", "down (faulted)"):
        assert said in page, said


@pytest.mark.integration
def test_the_public_page_tells_the_truth_and_nothing_about_the_network(at_noon, conn, port_no, station, alerts, taken):
    conn.execute(
        "INSERT INTO uptime_now (at, since, port_no, state, reason) VALUES (%s, %s, %s, 'down', 'faulted')",
        (NOON, NOON - timedelta(minutes=10), port_no),
    )
    taken(alerts.said(f"{station}/1", "contactor"))
    client = at_noon.client()

    page = client.get(f"/p/{station}/1").text

    assert "Out of order" in page
    assert "We know of it." in page
    for hidden in ("WO-", "contactor", "Contactor", "/incidents/"):
        assert hidden not in page
    assert "Out of order" in client.get(f"/status/site-{station}").text
    assert client.get(f"/p/{station}/9").status_code == 404
    assert client.get("/status/nowhere").status_code == 404


@pytest.mark.integration
def test_the_overview_counts_only_what_is_known_now(at_noon, conn, station):
    conn.execute("UPDATE port SET discovered = false WHERE station = %s", (station,))
    for number, (state, reason, minutes) in {1: ("up", "ok", 1), 2: ("up", "ok", 30)}.items():
        conn.execute(
            "INSERT INTO uptime_now (at, since, port_no, state, reason) SELECT %s, %s, port_no, %s, %s FROM port WHERE port = %s",
            (NOON - timedelta(minutes=minutes), NOON - timedelta(hours=1), state, reason, f"{station}/{number}"),
        )
    page = at_noon.client().get("/status").text

    row = page.partition(f"/status/site-{station}")[2].partition("</li>")[0]
    assert ">1/2<" in row
    assert "1 not known" in row


@pytest.mark.integration
def test_a_driver_reports_a_fault_and_a_person_can_order_a_visit(site, desk, station, table):
    client = site.client()
    answer = client.post(f"/p/{station}/1/report", data={"problem": "stuck", "text": "it <sits> fast"})
    assert answer.headers["location"] == f"/p/{station}/1?thanks=true"

    (incident,) = table("incident", station)
    assert (incident["family"], incident["source"], incident["state"]) == ("lock", "report", "open")
    assert table("work_order", station) == table("command", station) == []
    page = desk.get(f"/incidents/{incident['incident_id']}").text
    assert "it &lt;sits&gt; fast" in page
    assert desk.post(f"/v1/incidents/{incident['incident_id']}/work_order").status_code == 201
    assert len(table("work_order", station)) == 1


@pytest.mark.integration
def test_a_report_on_what_is_known_joins_it(site, station, alerts, taken, table, conn):
    taken(alerts.said(f"{station}/1", "lock"))
    for _ in range(2):
        site.client().post(f"/p/{station}/1/report", data={"problem": "stuck"})

    (incident,) = table("incident", station)
    reports = conn.execute("SELECT count(*) FROM report WHERE incident_id = %s", (incident["incident_id"],)).fetchone()
    assert reports == (2,)
    assert incident["source"] == "alert"


@pytest.mark.integration
def test_a_reported_incident_does_not_close_because_an_alert_clears(site, station, alerts, taken, table):
    site.client().post(f"/p/{station}/1/report", data={"problem": "stuck"})
    taken(alerts.said(f"{station}/1", "lock"), alerts.said(f"{station}/1", "lock", revision=2, state="cleared"))

    (incident,) = table("incident", station)
    assert (incident["state"], incident["severity"]) == ("open", "P2")


@pytest.mark.integration
@pytest.mark.parametrize("data", [{"problem": "gremlins"}, {}, {"problem": "other", "text": "x" * 1_001}])
def test_a_report_that_does_not_fit_is_refused(site, station, table, data):
    assert site.client().post(f"/p/{station}/1/report", data=data).status_code == 422
    assert table("incident", station) == []


@pytest.mark.integration
def test_a_machine_that_fills_in_every_field_reports_nothing(site, station, table):
    site.client().post(f"/p/{station}/1/report", data={"problem": "other", "website": "http://spam"})

    assert table("incident", station) == []


@pytest.mark.integration
def test_reports_are_limited_by_address(serve, station, table):
    site = serve(ControlSettings(report_rate="2/minute"))
    client = site.client()

    assert [client.post(f"/p/{station}/1/report", data={"problem": "other"}).status_code for _ in range(3)] == [
        303,
        303,
        429,
    ]


@pytest.mark.integration
def test_the_qr_code_leads_to_the_ports_public_page(serve, station):
    site = serve(ControlSettings(public_url="https://charge.example/"))
    answer = site.client(token=site.token(Role.VIEWER)).get(f"/qr/{station}/1.svg")

    assert answer.headers["content-type"] == "image/svg+xml"
    assert ET.fromstring(answer.content).tag == f"{SVG}svg"


@pytest.mark.integration
def test_a_person_approves_a_credit_on_its_page(site, conn, station, alerts, table, now):
    from control.take import take

    take(conn, ControlSettings(approve_up_to={}), alerts.cut(f"{station}/1"), now)
    (credit,) = table("credit", station)
    accounts.put_account(conn, "bea", "correct horse battery", {Role.BILLING}, None, "rule:test")
    bea = site.signed_in("bea", "correct horse battery")
    page = bea.get("/credits").text
    assert credit["reason"] in page
    secret = page.partition('name="csrf" value="')[2].partition('"')[0]

    bea.post(f"/credits/{credit['credit_id']}", data={"csrf": secret, "word": "approve", "because": "looks right"})

    (decided,) = table("credit", station)
    assert (decided["state"], decided["decided_by"], decided["decided_because"]) == (
        "approved",
        "user:bea",
        "looks right",
    )


@pytest.mark.integration
@pytest.mark.parametrize("asked", ["/v1/incidents/{}/close", "/incidents/{}/close"])
def test_spaces_are_no_reason_to_close_an_incident(site, desk, station, alerts, taken, table, asked):
    taken(alerts.said(f"{station}/1"))
    path = asked.format(table("incident", station)[0]["incident_id"])

    answer = desk.post(path, **({"json": {"text": " " * 5}} if "/v1/" in path else {"data": {"reason": " " * 5}}))

    assert answer.status_code == 422
    assert table("incident", station)[0]["state"] == "open"


@pytest.mark.integration
def test_a_credit_is_not_decided_for_a_reason_of_spaces(site, conn, station, alerts, table, now):
    from control.take import take

    take(conn, ControlSettings(approve_up_to={}), alerts.cut(f"{station}/1"), now)
    (credit,) = table("credit", station)

    answer = site.client(token=site.token(Role.BILLING)).post(
        f"/credits/{credit['credit_id']}", data={"word": "approve", "because": "    "}
    )

    assert answer.status_code == 422
    assert table("credit", station)[0]["state"] == "proposed"


@pytest.mark.parametrize(
    ("currency", "locale", "written"),
    [
        ("NOK", "en_GB", "NOK\u00a04.37"),
        ("EUR", "en_GB", "€4.37"),
        ("EUR", "de_DE", "4,37\u00a0€"),
        ("CHF", "de_CH", "CHF\u00a04.37"),
    ],
)
def test_an_amount_stands_apart_from_letters_before_it(currency, locale, written):
    assert Clock(NOON, "UTC", locale).money(437, currency) == written


@pytest.mark.integration
def test_an_error_is_a_page_for_people_and_json_for_machines(site):
    page = site.client().get("/p/nowhere/1").text
    assert "<h1>Not found</h1>" in page
    assert "<p>No port is known by this name: scan" in page
    machine = site.client(headers={"accept": "application/json"}).get("/p/nowhere/1")
    assert machine.json()["detail"].startswith("no port is known by this name")


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/incidents/no-uuid", "/orders/WO-0", "/p/nowhere/one", "/nowhere"])
def test_an_address_that_leads_nowhere_is_not_found_in_words_of_people(desk, path):
    answer = desk.get(path)

    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text
    assert "UUID" not in answer.text


@pytest.mark.integration
def test_a_form_sent_after_the_session_ended_says_how_to_go_on(site):
    answer = site.client().post("/orders/WO-1/step", data={"to": "on_site", "seen": "open"})

    assert answer.status_code == 401
    assert "You are signed out" in answer.text
    assert 'href="/login"' in answer.text
    assert "Bearer" not in answer.text


@pytest.mark.integration
def test_an_incident_is_listed_with_the_name_of_its_site_and_remedies_have_titles(desk, station, alerts, taken, table):
    taken(alerts.said(f"{station}/1", "contact_wear"))
    (incident,) = table("incident", station)

    assert f"<span>Market {station}</span>" in desk.get("/incidents").text
    assert "<td>Limit the power to half</td>" in desk.get(f"/incidents/{incident['incident_id']}").text


@pytest.mark.integration
def test_a_station_that_was_taken_away_is_no_longer_shown_to_the_public(site, conn, station):
    conn.execute("UPDATE station SET retired_at = now() + interval '1 day' WHERE station = %s", (station,))
    assert f"{station}/1" in site.client().get(f"/status/site-{station}").text, "it is announced, not done"
    conn.execute("UPDATE station SET retired_at = now() WHERE station = %s", (station,))

    assert f"{station}/1" not in site.client().get(f"/status/site-{station}").text
    assert site.client().get(f"/p/{station}/1").status_code == 404
    driver = site.client(headers={"x-forwarded-for": "203.0.113.77"})
    assert driver.post(f"/p/{station}/1/report", data={"problem": "slow"}).status_code == 404
