"""The bench of the dashboards: what it makes up is what views and queries expect, and every query is in it."""

import io
from datetime import UTC, datetime

import psycopg
import pytest
from rich.console import Console

from chargewell.bench.dashboards import fill_year, questions, timed
from connectors.timescale.migrate import migrate
from dashboards import alert_rules
from dashboards.files import all_dashboards

pytestmark = pytest.mark.integration


def test_every_query_of_panels_annotations_and_rules_is_asked():
    asked = questions()
    panels = sum(
        len(getattr(panel, "targets", None) or []) for page in all_dashboards().values() for panel in page.panels
    )

    assert len(asked) == panels + 3 + len(alert_rules.WANTED)
    assert all(0 < question.shows <= question.longest for question in asked)


def test_a_network_that_is_made_up_answers_every_query(database):
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    migrate(database)
    fill_year(database, end, stations=10, days=30)
    said = io.StringIO()

    slowest = timed(database, end, 1, Console(file=said, width=200), "made up")

    assert slowest > 0
    assert said.getvalue().count("│") > 8 * len(questions())
    with psycopg.connect(database) as conn:
        found = conn.execute(
            "SELECT (SELECT count(*) FROM pub.port_now), (SELECT sum(visits) FROM pub.charging_daily), (SELECT count(*) FROM pub.outage), "
            "(SELECT count(*) FROM pub.incident WHERE state = 'open')"
        ).fetchone()
    assert found[0] == 20
    assert found[1] > 1_000
    assert found[2] == 20 * 4
