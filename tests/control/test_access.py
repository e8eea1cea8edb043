"""Who may what: every endpoint, every role, tokens, sites, on a running server."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from fastapi import APIRouter

from connectors.timescale.migrate import migrate
from connectors.timescale.pool import connect
from connectors.timescale.settings import DatabaseSettings
from control import access, accounts
from control.app import ROUTERS, create_app
from control.context import Context
from control.settings import ControlSettings
from schemas.work import Role

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery"
FILLED = {
    "incident_id": str(uuid4()), "credit_id": str(uuid4()), "number": "1", "station": "S", "site": "x", "name": "style.css", "kind": "incident",
    "subject": "x", "account": "nobody", "token_id": "0",
}  # fmt: skip


def address(endpoint):
    method, path = endpoint.split(" ")
    return method, re.sub(r"\{(\w+)\}", lambda m: FILLED[m[1]], path)


def test_the_list_and_the_application_are_the_same(site):
    assert set(access.endpoints(site.app.routes)) == access.PUBLIC | set(access.ROLES)
    assert access.PUBLIC.isdisjoint(access.ROLES)


def test_an_application_with_an_endpoint_that_is_not_listed_does_not_start(pool, monkeypatch):
    router = APIRouter()
    router.get("/v1/backdoor")(lambda: "hello")
    monkeypatch.setattr("control.app.ROUTERS", (*ROUTERS, router))

    with pytest.raises(LookupError, match=r"not in the list \['GET /v1/backdoor'\]"):
        create_app(Context(ControlSettings(), pool), "secret")


@pytest.mark.parametrize("endpoint", sorted(access.ROLES))
def test_nobody_gets_in_without_signing_in(site, endpoint):
    method, path = address(endpoint)
    answer = site.client().request(method, path, headers={"accept": "text/html"})

    if method == "GET" and not path.startswith("/v1/"):
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=/")
    else:
        assert answer.status_code == 401


@pytest.mark.parametrize("endpoint", sorted(access.PUBLIC - {"POST /login"}))
def test_what_is_public_is_public(site, endpoint):
    method, path = address(endpoint)

    assert site.client().request(method, path).status_code not in (401, 403)


@pytest.mark.parametrize("endpoint", sorted(access.ROLES))
def test_each_role_may_what_the_list_says_and_nothing_else(site, endpoint):
    method, path = address(endpoint)
    client = site.client()

    found = {
        r: client.request(method, path, headers={"authorization": f"Bearer {site.token(r)}"}).status_code for r in Role
    }

    assert {role for role, status in found.items() if status != 403} == access.ROLES[endpoint] | {Role.ADMIN}
    assert not {401, 500} & set(found.values())


@pytest.mark.parametrize(
    "who", ["", "Bearer", "Bearer x", "Bearer cw_0_0", "Basic YTpi", "Bearer cw_" + "0" * 12 + "_" + "x" * 43]
)
def test_what_is_no_token_opens_nothing(site, who):
    assert site.client().get("/v1/me", headers={"authorization": who}).status_code == 401


def test_a_token_opens_until_it_is_revoked(site, conn):
    token = accounts.make_token(conn, "t", {Role.VIEWER}, None, "user:anna")
    client = site.client(token=token)
    assert client.get("/v1/me").json() == {"actor": "token:t", "roles": ["viewer"], "sites": None}

    accounts.revoke_token(conn, token.split("_")[1], "user:anna", datetime.now(UTC))
    assert client.get("/v1/me").status_code == 401


def test_a_token_that_has_expired_opens_nothing(site, conn):
    token = accounts.make_token(conn, "t", {Role.VIEWER}, None, "user:anna", datetime.now(UTC) - timedelta(seconds=1))

    assert site.client(token=token).get("/v1/me").status_code == 401


def test_neither_token_nor_password_is_stored_in_clear(site, conn):
    token = accounts.make_token(conn, "clear", {Role.VIEWER}, None, "user:anna")
    accounts.put_account(conn, "clear", PASSWORD, {Role.VIEWER}, None, "user:anna")

    stored = conn.execute(
        "SELECT t::text, a::text FROM token t, account a WHERE t.name = 'clear' AND a.account = 'clear'"
    ).fetchone()
    assert token.split("_", 2)[2] not in stored[0]
    assert PASSWORD not in stored[1]
    assert "$argon2id$" in stored[1]


def test_the_first_admin_token_is_made_once(database):
    migrate(database)
    with connect(DatabaseSettings(dsn=database)) as conn:
        token = accounts.first_admin(conn)

        assert accounts.person_of_token(conn, token, datetime.now(UTC)).roles == {Role.ADMIN}
        assert accounts.first_admin(conn) is None


# -- sites ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(site, conn, station):
    """A client that may all, but at another site than the test's station; and one that may at its site."""
    every = set(Role)
    conn.execute("INSERT INTO site (site) VALUES ('another-site') ON CONFLICT DO NOTHING")
    away = accounts.make_token(conn, "away", every, ["another-site"], "user:anna")
    here = accounts.make_token(conn, "here", every, [f"site-{station}"], "user:anna")
    return site.client(token=away), site.client(token=here)


def test_a_person_sees_and_does_nothing_at_other_sites(elsewhere, station, alerts, taken, table):
    away, here = elsewhere
    taken(alerts.cut(f"{station}/1"))
    incident, order, credit = (table(name, station)[0] for name in ("incident", "work_order", "credit"))
    paths = [
        f"/v1/incidents/{incident['incident_id']}",
        f"/v1/work_orders/{order['number']}",
        f"/v1/credits/{credit['credit_id']}",
        f"/v1/ports/{station}/1",
        f"/v1/changes/work_order/{order['number']}",
        f"/incidents/{incident['incident_id']}",
        f"/orders/{order['number']}",
        f"/ports/{station}/1",
        f"/qr/{station}/1.svg",
    ]
    for path in paths:
        assert (away.get(path).status_code, here.get(path).status_code) == (404, 200), path
    for path, body in [
        (f"/v1/work_orders/{order['number']}/steps", {"to": "dispatched"}),
        (f"/v1/work_orders/{order['number']}/notes", {"text": "hello there"}),
        (f"/v1/incidents/{incident['incident_id']}/work_order", {}),
        (f"/v1/incidents/{incident['incident_id']}/close", {"text": "no reason"}),
        (f"/v1/credits/{credit['credit_id']}/approve", {"text": "no reason"}),
        (f"/v1/credits/{credit['credit_id']}/settled", {}),
    ]:
        assert away.post(path, json=body).status_code == 404, path
    assert table("work_order", station)[0]["state"] == order["state"]


@pytest.mark.parametrize("path", ["/v1/incidents", "/v1/work_orders", "/v1/credits", "/v1/ports"])
def test_lists_hold_only_what_is_at_ones_sites(elsewhere, station, alerts, taken, path):
    away, here = elsewhere
    taken(alerts.cut(f"{station}/1"))

    assert away.get(path).json() == []
    assert {row["port"].rpartition("/")[0] for row in here.get(path).json()} == {station}


@pytest.mark.parametrize("path", ["/v1/health", "/v1/metrics"])
def test_figures_of_the_whole_network_are_not_for_people_of_some_sites(elsewhere, path):
    answer = elsewhere[1].get(path)

    assert answer.status_code == 403
    assert "whole network" in answer.json()["detail"]


@pytest.mark.parametrize("role", sorted(Role))
def test_credits_are_seen_only_by_those_who_may(site, station, alerts, taken, table, role):
    taken(alerts.cut(f"{station}/1"))
    incident, order = table("incident", station)[0]["incident_id"], table("work_order", station)[0]["number"]
    client, sees = site.client(token=site.token(role)), role in {Role.OPERATOR, Role.BILLING, Role.ADMIN}

    shown = [client.get(f"/v1{path}").json() for path in (f"/incidents/{incident}", f"/work_orders/{order}")]
    pages = [client.get(path).text for path in (f"/incidents/{incident}", f"/orders/{order}")]

    assert bool(shown[0]["credits"]) == sees
    assert [any(note["kind"] == "credit" for note in body["notes"]) for body in shown] == [sees, sees]
    assert ["Credit of" in page for page in pages] == [sees, sees]
    assert ("session fee" in pages[0]) == sees


def test_an_admin_of_some_sites_makes_no_accounts(elsewhere):
    _, here = elsewhere

    answer = here.put("/v1/accounts/eve", json={"password": PASSWORD, "roles": ["admin"]})

    assert answer.status_code == 403
    assert "admin of all sites" in answer.json()["detail"]
