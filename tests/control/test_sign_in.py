"""Signing in and out, and the sessions and forms between: cookies, forgery, guessing, ending, on a running server."""

from datetime import UTC, datetime

import pytest

from control import accounts
from control.settings import ControlSettings
from schemas.work import Role

pytestmark = pytest.mark.integration

PASSWORD = "correct horse battery"


def test_a_person_signs_in_and_out(anna, csrf):
    assert anna.get("/incidents").status_code == 200

    anna.post("/logout", data={"csrf": csrf(anna)})

    assert anna.get("/incidents").status_code == 303


@pytest.mark.parametrize(
    ("account", "password"), [("anna", "wrong wrong wrong"), ("nobody", PASSWORD), ("", ""), ("anna", "")]
)
def test_a_wrong_password_and_an_unknown_name_look_the_same(site, anna, account, password, csrf):
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


def test_a_secret_of_another_session_does_not_help(site, anna, conn, csrf):
    accounts.put_account(conn, "mallory", PASSWORD, {Role.VIEWER}, None, "rule:test")
    foreign = csrf(site.signed_in("mallory", PASSWORD))

    assert anna.post("/logout", data={"csrf": foreign}).status_code == 403


def test_the_api_takes_a_session_only_with_its_secret_in_a_header(anna, csrf):
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


def test_a_new_password_ends_all_other_sessions(site, anna, csrf):
    other = site.signed_in("anna", PASSWORD)

    answer = anna.post("/account/password", data={"csrf": csrf(anna), "old": PASSWORD, "new": "another long password"})

    assert answer.status_code == 303
    assert anna.get("/incidents").status_code == 200
    assert other.get("/incidents").status_code == 303
    assert site.signed_in("anna", "another long password").get("/incidents").status_code == 200


def test_a_closed_account_is_out_at_once(site, anna, conn, csrf):
    accounts.put_account(conn, "leaver", PASSWORD, {Role.VIEWER}, None, "rule:test")
    leaver = site.signed_in("leaver", PASSWORD)
    assert anna.delete("/v1/accounts/leaver", headers={"x-csrf-token": csrf(anna)}).status_code == 204

    assert leaver.get("/incidents").status_code == 303


def test_nobody_closes_the_own_account(anna, csrf):
    assert anna.delete("/v1/accounts/anna", headers={"x-csrf-token": csrf(anna)}).status_code == 409


def test_a_token_opens_a_session_that_ends_with_it(site, conn, csrf):
    token = accounts.make_token(conn, "page", {Role.VIEWER}, None, "user:anna")
    client = site.client()
    client.post("/login", data={"csrf": csrf(client, "/login"), "token": token})
    assert client.get("/incidents").status_code == 200

    accounts.revoke_token(conn, token.split("_")[1], "user:anna", datetime.now(UTC))
    assert client.get("/incidents").status_code == 303


@pytest.mark.parametrize("next", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_away(site, anna, next, csrf):
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


def test_guessing_passwords_is_slowed_down_also_from_many_addresses(pool, serve, conn, csrf):
    accounts.put_account(conn, "anna", PASSWORD, {Role.ADMIN}, None, "rule:test")
    site = serve(ControlSettings(login_rate="3/minute"))

    def attempt(host, account):
        client = site.client(headers={"x-forwarded-for": host})
        return client.post(
            "/login", data={"csrf": csrf(client, "/login"), "account": account, "password": "x"}
        ).status_code

    assert [attempt(f"203.0.113.{n}", "anna") for n in range(4)] == [401, 401, 401, 429]
    assert [attempt("203.0.113.9", f"user{n}") for n in range(4)] == [401, 401, 401, 429]
