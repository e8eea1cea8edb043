"""What the code makes: equal to the committed files, readable by the SDK's types, complete, and all links lead somewhere."""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.alerting import Rule
from grafana_foundation_sdk.models.dashboard import Dashboard

from control.access import PUBLIC, ROLES
from dashboards import alert_rules, files, sql
from dashboards.layout import Page
from dashboards.panels import number

ROOT = Path(__file__).parents[2]
MADE = files.all_json()
PANELS = [(uid, panel) for uid, page in MADE.items() for panel in page["panels"] if panel["type"] != "row"]
IN_9_4 = {
    "stat",
    "timeseries",
    "table",
    "piechart",
    "barchart",
    "state-timeline",
    "geomap",
    "text",
    "bargauge",
    "gauge",
    "heatmap",
}
each_panel = pytest.mark.parametrize(
    ("uid", "panel"), PANELS, ids=[f"{u.removeprefix('chargewell-')}-{p['id']}" for u, p in PANELS]
)


@pytest.mark.parametrize(("name", "text"), files.texts().items(), ids=files.texts())
def test_the_committed_files_are_what_the_code_makes(name, text):
    folder = ROOT / ("deploy/grafana" if name == files.RULES_FILE else "dashboards")

    assert (folder / name).read_text("utf-8") == text, "run: chargewell dashboards write"


def test_no_file_of_a_dashboard_that_is_no_more_lies_about():
    assert {path.stem for path in (ROOT / "dashboards" / "json").iterdir()} == set(MADE)


@pytest.mark.parametrize("uid", MADE)
def test_the_sdk_reads_what_it_wrote_and_loses_nothing(uid):
    register_default_plugins()
    sql.register()
    wanted = json.loads(json.dumps(MADE[uid]))
    wanted.pop("annotations")  # the SDK's class has no field for their query

    again = json.loads(json.dumps(Dashboard.from_json(wanted), cls=JSONEncoder))

    assert [panel["targets"] for panel in again["panels"] if "targets" in panel]
    assert lost(wanted, again) == []


def lost(wanted, found, where=""):
    """Paths of what is in `wanted` and not, or otherwise, in `found`."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [path for key, value in wanted.items() for path in lost(value, found.get(key), f"{where}.{key}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [
            path for i, (a, b) in enumerate(zip(wanted, found, strict=True)) for path in lost(a, b, f"{where}[{i}]")
        ]
    return [] if wanted == found or wanted is None else [f"{where}: {wanted!r} became {found!r}"]


@pytest.mark.parametrize("rule", files.rules_json(), ids=lambda rule: rule["uid"])
def test_alert_rules_are_read_by_the_sdk_and_point_at_a_panel_that_exists(rule):
    Rule.from_json(rule)
    uid, number = rule["annotations"]["__dashboardUid__"], int(rule["annotations"]["__panelId__"])

    assert number in {panel["id"] for panel in MADE[uid]["panels"]}
    assert "$" not in json.dumps(rule)


def test_a_rule_with_a_dollar_sign_is_refused_because_provisioning_would_eat_it():
    wanted = alert_rules.Wanted("u", "t", "SELECT $__interval", 0, "1m", "P3", "s", "d", 1)

    with pytest.raises(ValueError, match="dollar"):
        alert_rules._rule(wanted, "f")


@each_panel
def test_every_panel_says_what_it_shows_and_in_which_unit(uid, panel):
    assert panel["type"] in IN_9_4
    assert panel["title"]
    assert len(panel["description"]) > 10
    assert panel["datasource"] == {"type": "postgres", "uid": "chargewell"}
    assert panel["id"] > 0
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["type"] == "table" or defaults["unit"]
    assert defaults["thresholds"]["steps"]


@each_panel
def test_queries_read_public_views_alone_and_all_of_them_are_documented(uid, panel):
    documented = set(re.findall(r"^### `pub\.(\w+)`", (ROOT / "docs" / "views.md").read_text("utf-8"), re.M))
    for target in panel["targets"]:
        text = re.sub(r"extract\(\w+ FROM", "", target["rawSql"])
        named = set(re.findall(r"\bWITH (\w+) AS", text))
        found = re.findall(r"\b(?:FROM|JOIN)\s+(?:LATERAL\s+)?([a-z_][\w.]*)(?![\w.(])", text)
        sources = [name for name in found if name not in named]
        assert [name for name in sources if not name.startswith("pub.")] == []
        assert {name.removeprefix("pub.") for name in sources} <= documented


@pytest.mark.parametrize("uid", MADE)
def test_panels_do_not_lie_on_each_other_and_stay_on_the_page(uid):
    places = [panel["gridPos"] for panel in MADE[uid]["panels"]]

    assert all(p["x"] + p["w"] <= 24 for p in places)
    for a, b in combinations(places, 2):
        apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert apart_x or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


def test_all_links_lead_to_a_dashboard_or_a_page_of_control():
    pages = {
        re.sub(r"\{\w+\}", "X", name.removeprefix("GET ")) for name in {*ROLES, *PUBLIC} if name.startswith("GET ")
    }
    urls = set(re.findall(r'"url": "([^"]+)"', json.dumps(MADE)))

    assert urls
    for url in urls:
        if url.startswith("${control}"):
            path = re.sub(r"\$\{[^}]+\}", "X", url.removeprefix("${control}"))
            assert path in pages or (path == "/ports/X" and "/ports/X/X" in pages), url
        else:
            uid = re.match(r"/d/([\w-]+)", url)
            assert uid is not None, url
            assert uid[1] in MADE


def test_the_address_of_control_is_in_one_variable():
    made = files.all_json("https://ops.example/")

    for page in made.values():
        (control,) = [v for v in page["templating"]["list"] if v["name"] == "control"]
        assert control["query"] == control["current"]["value"] == "https://ops.example"
        assert "127.0.0.1" not in json.dumps(page)


def test_an_id_given_twice_is_refused():
    page = Page("u", "t", "d", [])
    page.add(1, number("a", "b", "SELECT 1"), 6)
    page.add(1, number("a", "b", "SELECT 1"), 6)

    with pytest.raises(ValueError, match="dashboard u: panel id 1 is given twice"):
        page.build()


def test_what_is_left_in_a_query_is_named():
    from datetime import UTC, datetime

    with pytest.raises(ValueError, match=r"\$__unknown"):
        sql.expand("SELECT $__unknown", datetime.now(UTC), datetime.now(UTC), {})


def test_values_that_people_choose_are_quoted():
    from datetime import UTC, datetime

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    done = sql.expand(
        "WHERE $__timeFilter(at) AND site IN (${site:sqlstring})", moment, moment, {"site": ["a", "it's"]}
    )

    assert done == "WHERE at BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-01T00:00:00Z' AND site IN ('a','it''s')"
