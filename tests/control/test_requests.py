"""What every request meets and every answer carries: bounds on what comes in, limits, headers, on a running server."""

import re

import pytest

from control import access
from control.security import HEADERS
from control.settings import ControlSettings
from schemas.work import Role

pytestmark = pytest.mark.integration


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
