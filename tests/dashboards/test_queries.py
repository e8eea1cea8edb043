"""Every query runs under the read-only role on the history of a simulated network, with little work, and gives finite figures."""

import math
from datetime import datetime
from decimal import Decimal

import pytest

from dashboards import alert_rules
from dashboards.files import all_dashboards
from dashboards.layout import DAYS

pytestmark = pytest.mark.integration

DASHBOARDS = all_dashboards()
PANELS = [
    pytest.param(
        uid,
        target.text,
        target.format,
        DAYS[page.time.from_val],
        id=f"{uid.removeprefix('chargewell-')}-{panel.id_val}",
    )
    for uid, page in DASHBOARDS.items()
    for panel in page.panels
    if panel.type_val != "row"
    for target in panel.targets
]
ANNOTATIONS = [
    pytest.param(note.sql, id=note.name) for page in DASHBOARDS.values() for note in page.annotations.list_val or []
]
VARIABLES = {
    (variable.name, variable.query): pytest.param(variable.query, id=variable.name)
    for page in DASHBOARDS.values() for variable in page.templating.list_val if variable.type_val == "query"
}.values()  # fmt: skip
MOST_HANDLED = 500_000
"""Rows that a query takes in hand. Thirty days of 120 ports are 22 times this network: eleven million rows, of which PostgreSQL
handles more than ten million a second. `chargewell bench dashboards` measures the time itself."""


def finite(value):
    if isinstance(value, int | float | Decimal):
        return math.isfinite(value)
    return isinstance(value, str | bool | datetime) or value is None or hasattr(value, "isoformat")


def rows_of(reader, network, query, days):
    """The rows; a query about one port is put to one port after the other until it has some."""
    ports = network.ports if "${port:" in query else network.ports[:1]
    for port in ports:
        found, handled = reader(query, days, port)
        assert handled < MOST_HANDLED
        if found:
            return found
    return []


@pytest.mark.parametrize(("uid", "query", "form", "days"), PANELS)
def test_every_panel_has_finite_rows(reader, network, uid, query, form, days):
    found = rows_of(reader, network, query, max(days, 4))

    assert found, "there is data of every kind in this network, so a panel without rows asks the wrong question"
    assert all(finite(value) for row in found for value in row)
    assert any(value is not None for row in found for value in row)
    if form == "time_series":
        times = [row[0] for row in found]
        assert all(isinstance(time, datetime) for time in times)
        assert times == sorted(times), "Grafana takes time series in order of time"


@pytest.mark.parametrize("query", ANNOTATIONS)
def test_every_annotation_has_a_span_and_words(reader, network, query):
    found = rows_of(reader, network, query, 4)

    assert found
    assert all(start <= end and text for start, end, text, _ in found)


@pytest.mark.parametrize("query", VARIABLES)
def test_every_variable_offers_something(reader, query):
    found, _ = reader(query)

    assert found
    assert all(value for row in found for value in row)


@pytest.mark.parametrize("wanted", alert_rules.WANTED, ids=lambda wanted: wanted.uid)
def test_every_alert_rule_gives_labels_and_one_number(reader, wanted):
    found, handled = reader(wanted.sql)

    assert handled < MOST_HANDLED
    for row in found:
        assert all(isinstance(value, str) for value in row[:-1])
        assert math.isfinite(row[-1])


def test_a_site_that_is_down_fires_and_one_that_is_up_does_not(reader, network):
    rule = next(one for one in alert_rules.WANTED if one.uid == "chargewell-site-down")
    down = dict(reader(rule.sql)[0])
    share = dict(reader("SELECT site_name, avg((state = 'down')::int)::float8 FROM pub.port_now GROUP BY 1")[0])

    assert down == {site: pytest.approx(value) for site, value in share.items()}
    assert any(value > 0 for value in down.values())
