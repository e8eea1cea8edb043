"""A migrated database for each file, emptied for each test that asks, and a connection to it."""

import pytest

from connectors.timescale.migrate import migrate
from connectors.timescale.pool import connect
from connectors.timescale.roles import TELEMETRY
from connectors.timescale.settings import DatabaseSettings

REGISTRY = (
    "site",
    "station",
    "port",
    "connector",
    "tariff",
    "site_dated",
    "station_dated",
    "port_dated",
    "history_span",
)


@pytest.fixture(scope="module")
def migrated(module_database):
    migrate(module_database)
    return DatabaseSettings(dsn=module_database)


@pytest.fixture
def settings(migrated):
    with connect(migrated) as conn:
        conn.execute(f"TRUNCATE {', '.join(TELEMETRY + REGISTRY)} RESTART IDENTITY CASCADE")
    return migrated


@pytest.fixture
def conn(settings):
    with connect(settings) as conn:
        yield conn
