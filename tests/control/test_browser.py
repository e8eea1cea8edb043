"""A technician works one order on a phone, in a real browser."""

import os
import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

from connectors.timescale.ports import discover
from control import accounts
from control.desk import press
from control.settings import ControlSettings
from schemas.work import OrderState, Role

pytestmark = [pytest.mark.integration, pytest.mark.browser]

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
DESK = {"viewport": {"width": 1280, "height": 800}}
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def browser():
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CHARGEWELL_REQUIRE_SERVICES") == "1":
            pytest.fail("no Chromium on this machine: make services installs it")
        pytest.skip("no Chromium on this machine: make services installs it")
    with sync_playwright() as playwright:
        expect.set_options(timeout=60_000)
        made = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield made
        made.close()


@contextmanager
def opened(browser, site, device):
    """A page on a device; whatever its console says against us fails the test."""
    context = browser.new_context(base_url=site.url, **device)
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert said == []


@pytest.fixture
def phone(browser, site):
    with opened(browser, site, PHONE) as page:
        yield page


@pytest.fixture
def desk(browser, site):
    with opened(browser, site, DESK) as page:
        yield page


def fits(page):
    """Whether nothing sticks out to the side."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def sign_in(page, account):
    page.goto("/login")
    page.get_by_label("Account").fill(account)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").first.click()
    page.wait_for_url("**/incidents")


def test_a_technician_works_an_order_from_the_list_to_the_repair(phone, conn, station, alerts, taken, table):
    taken(alerts.said(f"{station}/1", text="The cabinet runs hot"))
    accounts.put_account(conn, "kim", PASSWORD, {Role.CREW}, [f"site-{station}"], "rule:test")
    number = table("work_order", station)[0]["number"]

    sign_in(phone, "kim")
    phone.get_by_role("link", name="Work orders").click()
    phone.get_by_role("link", name=number).click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("Fan or filter clogged")
    expect(phone.get_by_text("vacuum cleaner")).to_be_visible()
    assert fits(phone)

    button = phone.get_by_role("button", name="On my way")
    assert button.bounding_box()["height"] >= 44
    button.click()
    phone.get_by_role("button", name="I am on site").click()
    phone.get_by_text("Fault found", exact=True).click()
    phone.get_by_label("How it failed").select_option("5.1")
    phone.get_by_label("What you did").select_option("clean")
    phone.get_by_label("Part used").fill("filter mat")
    assert fits(phone)
    phone.get_by_role("button", name="Repaired").click()

    expect(phone.get_by_role("status")).to_contain_text(f"{number}: repaired.")
    order = table("work_order", station)[0]
    assert (order["state"], order["assignee"]) == ("resolved", "user:kim")
    assert conn.execute("SELECT part, activity FROM finding WHERE order_id = %s", (order["order_id"],)).fetchone() == (
        "filter mat",
        "clean",
    )


def test_a_step_that_somebody_else_took_meanwhile_is_told(phone, conn, station, alerts, taken, table, now):
    taken(alerts.said(f"{station}/1"))
    accounts.put_account(conn, "kim", PASSWORD, {Role.CREW}, None, "rule:test")
    number = table("work_order", station)[0]["number"]
    sign_in(phone, "kim")
    phone.goto(f"/orders/{number}")
    with conn.transaction():
        press(conn, ControlSettings(), number, OrderState.DISPATCHED, "user:lee", {Role.CREW}, now)

    phone.get_by_role("button", name="On my way").click()

    expect(phone.get_by_role("status")).to_contain_text("was changed meanwhile: it is dispatched now")
    assert table("work_order", station)[0]["assignee"] == "user:lee"


def test_a_list_shows_a_new_incident_without_being_loaded_again(phone, conn, station, alerts, taken):
    accounts.put_account(conn, "viv", PASSWORD, {Role.VIEWER}, [f"site-{station}"], "rule:test")
    sign_in(phone, "viv")
    expect(phone.get_by_text("No open incident")).to_be_visible()

    taken(alerts.said(f"{station}/1"))

    expect(phone.get_by_text("Fan or filter clogged")).to_be_visible()


def test_a_driver_reports_a_fault_from_the_qr_code(phone, station, table):
    phone.goto(f"/p/{station}/1")
    assert fits(phone)
    phone.get_by_text("The plug does not come out").click()
    phone.get_by_role("button", name="Send").click()

    expect(phone.get_by_role("status")).to_contain_text("Thank you")
    assert [i["family"] for i in table("incident", station)] == ["lock"]


def test_the_head_shows_all_its_tabs_on_a_phone(phone, conn):
    accounts.put_account(conn, "ada", PASSWORD, {Role.ADMIN}, None, "rule:test")
    sign_in(phone, "ada")

    assert phone.evaluate("(n => n.scrollWidth <= n.clientWidth)(document.querySelector('nav'))")


def test_the_count_of_a_large_site_leaves_room_for_its_name(phone, conn, station):
    discover(conn, [f"{station}/{n}" for n in range(1, 23)])
    conn.execute("UPDATE port SET discovered = false WHERE station = %s", (station,))
    phone.goto("/status")
    row = phone.locator(f"a[href='/status/site-{station}']")
    count, name = row.locator(".tag").bounding_box(), row.locator(".title").bounding_box()

    assert count["x"] + count["width"] <= name["x"]


@pytest.mark.parametrize("path", ["/incidents", "/orders", "/ports", "/status", "/account", "/credits"])
def test_every_page_fits_a_phone(phone, conn, station, alerts, taken, path):
    taken(alerts.cut(f"{station}/1", text="a long text " * 30))
    accounts.put_account(conn, "ada", PASSWORD, {Role.ADMIN}, None, "rule:test")
    sign_in(phone, "ada")

    phone.goto(path)

    assert fits(phone)


def test_the_list_of_ports_is_read_without_scrolling_to_the_side(phone, conn, station, alerts, taken):
    taken(alerts.said(f"{station}/1"))
    conn.execute("UPDATE port SET discovered = false WHERE station = %s", (station,))
    conn.execute(
        "INSERT INTO uptime_now (at, port_no, state, reason, since, up_24h, up_30d) "
        "SELECT now(), port_no, 'down', 'faulted', now(), 0.5, 0.9999 FROM port WHERE station = %s",
        (station,),
    )
    accounts.put_account(conn, "ada", PASSWORD, {Role.ADMIN}, None, "rule:test")
    sign_in(phone, "ada")
    phone.goto(f"/ports?find={station}")

    assert phone.locator("tr").count() > 1
    assert phone.evaluate("[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth)")


def test_on_a_wide_screen_the_list_of_ports_has_all_its_columns_and_each_site_once(desk, conn, station, alerts, taken):
    taken(alerts.said(f"{station}/1"))
    accounts.put_account(conn, "ada", PASSWORD, {Role.ADMIN}, None, "rule:test")
    sign_in(desk, "ada")
    desk.goto(f"/ports?find={station}")

    heads = [head.inner_text() for head in desk.locator("th:visible").all()]
    assert heads == ["Port", "Site", "State", "Since", "24 h", "30 d", "Open"]
    row = desk.locator("tr", has=desk.get_by_role("link", name=f"{station}/1"))
    assert row.get_by_text(f"Market {station}").locator("visible=true").count() == 1


def test_a_person_signs_out_everywhere(phone, desk, conn):
    accounts.put_account(conn, "ada", PASSWORD, {Role.ADMIN}, None, "rule:test")
    sign_in(phone, "ada")
    sign_in(desk, "ada")
    desk.goto("/account")
    desk.get_by_role("button", name="Sign out everywhere").click()
    desk.wait_for_url("**/login")

    phone.goto("/incidents")
    assert phone.url.endswith("/login?next=/incidents")
