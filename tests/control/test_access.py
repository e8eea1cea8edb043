"""Who may what: every endpoint, every role, sites, sessions, forgery, tokens, limits, headers, on a running server."""

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
from control.security import HEADERS
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


# -- sessions and forms ---------------------------------------------------------------------------------------------------


@pytest.fixture
def anna(site, conn):
    accounts.put_account(conn, "anna", PASSWORD, {Role.ADMIN}, None, "rule:test")
    return site.signed_in("anna", PASSWORD)


def csrf(client, path="/account"):
    return re.search(r'name="csrf" value="([^"]+)"', client.get(path).text)[1]


def test_a_person_signs_in_and_out(anna):
    assert anna.get("/incidents").status_code == 200

    anna.post("/logout", data={"csrf": csrf(anna)})

    assert anna.get("/incidents").status_code == 303


@pytest.mark.parametrize(
    ("account", "password"), [("anna", "wrong wrong wrong"), ("nobody", PASSWORD), ("", ""), ("anna", "")]
)
def test_a_wrong_password_and_an_unknown_name_look_the_same(site, anna, account, password):
    client = site.client()
    answer = client.post("/login", data={"csrf": csrf(client, "/login"), "account": account, "password": password})

    assert answer.status_code == 401
    assert "Account and password do not fit" in answer.text
    assert f'value="{account}"' in answer.text, "nobody types the name again"


@pytest.mark.parametrize("token", [None, "", "x", "ä"])
def test_a_form_without_the_sessions_own_secret_is_refused(anna, token):
    data = {} if token is None else {"csrf": token}

    assert anna.post("/logout", data=data).status_code == 403
    assert anna.get("/incidents").status_code == 200


def test_a_secret_of_another_session_does_not_help(site, anna, conn):
    accounts.put_account(conn, "mallory", PASSWORD, {Role.VIEWER}, None, "rule:test")
    foreign = csrf(site.signed_in("mallory", PASSWORD))

    assert anna.post("/logout", data={"csrf": foreign}).status_code == 403


def test_the_api_takes_a_session_only_with_its_secret_in_a_header(anna):
    body = {"name": "made", "roles": ["viewer"]}
    assert anna.post("/v1/tokens", json=body).status_code == 403

    made = anna.post("/v1/tokens", json=body, headers={"x-csrf-token": csrf(anna)})
    assert made.status_code == 201
    assert made.json()["token"].startswith("cw_")


def test_signing_in_needs_the_secret_of_its_form(site, anna):
    assert site.client().post("/login", data={"account": "anna", "password": PASSWORD}).status_code == 403


def test_a_session_that_somebody_made_up_is_none(site, anna):
    client = site.client()
    client.cookies.set("chargewell", "eyJhY2NvdW50IjogImFubmEiLCAiZXBvY2giOiAxfQ==.aaaa.bbbb")

    assert client.get("/incidents").status_code == 303


def test_a_new_password_ends_all_other_sessions(site, anna):
    other = site.signed_in("anna", PASSWORD)

    answer = anna.post("/account/password", data={"csrf": csrf(anna), "old": PASSWORD, "new": "another long password"})

    assert answer.status_code == 303
    assert anna.get("/incidents").status_code == 200
    assert other.get("/incidents").status_code == 303
    assert site.signed_in("anna", "another long password").get("/incidents").status_code == 200


def test_a_closed_account_is_out_at_once(site, anna, conn):
    accounts.put_account(conn, "leaver", PASSWORD, {Role.VIEWER}, None, "rule:test")
    leaver = site.signed_in("leaver", PASSWORD)
    assert anna.delete("/v1/accounts/leaver", headers={"x-csrf-token": csrf(anna)}).status_code == 204

    assert leaver.get("/incidents").status_code == 303


def test_nobody_closes_the_own_account(anna):
    assert anna.delete("/v1/accounts/anna", headers={"x-csrf-token": csrf(anna)}).status_code == 409


def test_a_token_opens_a_session_that_ends_with_it(site, conn):
    token = accounts.make_token(conn, "page", {Role.VIEWER}, None, "user:anna")
    client = site.client()
    client.post("/login", data={"csrf": csrf(client, "/login"), "token": token})
    assert client.get("/incidents").status_code == 200

    accounts.revoke_token(conn, token.split("_")[1], "user:anna", datetime.now(UTC))
    assert client.get("/incidents").status_code == 303


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_away(site, anna, next):
    client = site.client()
    data = {"csrf": csrf(client, "/login"), "account": "anna", "password": PASSWORD, "next": next}

    assert client.post("/login", data=data).headers["location"] == "/"


def test_the_cookie_is_kept_from_scripts_and_other_sites(site):
    cookie = site.client().get("/login").headers["set-cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie


def test_behind_https_the_cookie_is_secure(pool, serve):
    site = serve(ControlSettings(public_url="https://control.example/"))
    answer = site.client().get("/login")

    assert "secure" in answer.headers["set-cookie"].lower()
    assert "max-age" in answer.headers["strict-transport-security"]


# -- limits ---------------------------------------------------------------------------------------------------------------


def test_guessing_passwords_is_slowed_down_also_from_many_addresses(pool, serve, conn):
    accounts.put_account(conn, "anna", PASSWORD, {Role.ADMIN}, None, "rule:test")
    site = serve(ControlSettings(login_rate="3/minute"))

    def attempt(host, account):
        client = site.client(headers={"x-forwarded-for": host})
        return client.post(
            "/login", data={"csrf": csrf(client, "/login"), "account": account, "password": "x"}
        ).status_code

    assert [attempt(f"203.0.113.{n}", "anna") for n in range(4)] == [401, 401, 401, 429]
    assert [attempt("203.0.113.9", f"user{n}") for n in range(4)] == [401, 401, 401, 429]


def test_public_pages_are_limited_by_address(serve):
    site = serve(ControlSettings(public_rate="2/minute"))
    one, two = (site.client(headers={"x-forwarded-for": f"203.0.113.{n}"}) for n in (1, 2))

    assert [one.get("/status").status_code for _ in range(3)] == [200, 200, 429]
    assert one.get("/status").headers["retry-after"] == "60"
    assert two.get("/status").status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/ports/%00/1", "/v1/work_orders/%00", "/v1/incidents?family=%00", "/p/%00/1", "/status/%00"]
)
def test_what_cannot_be_stored_is_an_answer_and_not_a_failure(site, path):
    assert site.client(token=site.token(Role.ADMIN)).get(path).status_code in (404, 422)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/work_orders/WO-1/notes", b'{"text": "half a pair: \\ud800"}'),
        ("/v1/accounts/zoe", b'{"password": "long enough \\ud800 for one", "roles": ["crew"]}'),
        ("/v1/accounts/zoe", b'{"password": "long enough for one", "roles": ["crew"], "sites": ["\\ud800"]}'),
        ("/v1/accounts/zoe", b'{"\\ud800": 1}'),
    ],
)
def test_a_text_that_is_no_unicode_is_an_answer_and_not_a_failure(site, path, body):
    client = site.client(token=site.token(Role.ADMIN))
    answer = client.request(
        "PUT" if "accounts" in path else "POST", path, content=body, headers={"content-type": "application/json"}
    )

    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "/v1/accounts/zoe", {"password": "long enough for one"}), ("POST", "/v1/tokens", {"name": "grafana"})],
)
def test_nobody_is_let_in_for_a_site_that_does_not_exist(site, station, method, path, body):
    client = site.client(token=site.token(Role.ADMIN), headers={"accept": "application/json"})
    answer = client.request(method, path, json=body | {"roles": ["crew"], "sites": [f"site-{station}", "b-99"]})

    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"] == "the registry has no site b-99: import it first, or mend the name"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "/v1/accounts/zoe", {"password": "long enough for one"}), ("POST", "/v1/tokens", {"name": "grafana"})],
)
def test_nobody_is_let_in_for_no_site_at_all(site, method, path, body):
    client = site.client(token=site.token(Role.ADMIN), headers={"accept": "application/json"})
    answer = client.request(method, path, json=body | {"roles": ["crew"], "sites": []})

    assert answer.status_code == 422, answer.text
    assert "sees nothing" in answer.json()["detail"]
    assert "zoe" not in client.get("/v1/accounts").text


def test_a_refused_request_does_not_repeat_what_it_held(site):
    answer = site.client(token=site.token(Role.ADMIN), headers={"accept": "application/json"}).put(
        "/v1/accounts/zoe", json={"password": "too short", "roles": ["crew"]}
    )

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "password"]
    assert "too short" not in answer.text


def test_a_token_ends_at_a_moment_and_not_at_a_time_of_some_zone(site):
    answer = site.client(token=site.token(Role.ADMIN)).post(
        "/v1/tokens", json={"name": "x", "roles": ["viewer"], "expires_at": "2030-01-01T00:00:00"}
    )

    assert answer.status_code == 422


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_beyond_the_bound_is_refused(site, declared):
    body = b"x" * 70_000
    content = body if declared else (body[i : i + 10_000] for i in range(0, len(body), 10_000))

    assert (
        site.client()
        .post("/login", content=content, headers={"content-type": "application/x-www-form-urlencoded"})
        .status_code
        == 413
    )


# -- headers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/login", "/status", "/health", "/v1/me", "/nowhere", "/static/style.css"])
def test_every_answer_carries_the_security_headers(site, path):
    answer = site.client().get(path)

    assert HEADERS.items() <= dict(answer.headers).items()
    assert "cache-control" in answer.headers


def test_no_page_has_a_script_or_style_of_its_own(anna, site, station, alerts, taken, table):
    taken(alerts.cut(f"{station}/1", contributions=[{"channel": "power", "share": 1.0}]))
    incident, order = table("incident", station)[0], table("work_order", station)[0]
    paths = ["/incidents", f"/incidents/{incident['incident_id']}", "/orders", f"/orders/{order['number']}", "/credits", "/ports",
             f"/ports/{station}/1", "/status", f"/status/site-{station}", f"/p/{station}/1", "/login", "/account"]  # fmt: skip
    for path in paths:
        answer = anna.get(path)
        assert answer.status_code == 200, path
        assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", answer.text) == [], path


def test_what_comes_from_outside_is_shown_and_never_run(anna, station, alerts, taken, table):
    taken(alerts.said(f"{station}/1", text="<script>alert(1)</script><img src=x onerror=alert(2)>"))

    page = anna.get(f"/incidents/{table('incident', station)[0]['incident_id']}").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_files_are_kept_by_browsers_under_the_name_of_their_content(site):
    client = site.client()
    path = re.search(r'href="(/static/style.css\?v=\w+)"', client.get("/login").text)[1]

    assert "immutable" in client.get(path).headers["cache-control"]
    assert client.get("/static/style.css?v=old").headers["cache-control"] == "no-cache"
    assert client.get("/static/..%2fapp.py").status_code == 404


def test_the_openapi_document_describes_every_endpoint_of_the_api(site):
    document = site.client(token=site.token(Role.VIEWER)).get("/v1/openapi.json").json()

    described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert described == {e for e in access.ROLES if " /v1/" in e} - {"GET /v1/openapi.json"}
