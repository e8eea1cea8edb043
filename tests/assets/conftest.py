"""A fresh database for each test that asks, on the PostgreSQL that the run was given."""

import os
import uuid

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from connectors.timescale.migrate import migrate
from connectors.timescale.pool import connect
from connectors.timescale.settings import DatabaseSettings


@pytest.fixture
def empty_dsn():
    server = os.environ["CHARGEWELL_TEST_POSTGRES"]
    name = f"cw_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def settings(empty_dsn):
    migrate(empty_dsn)
    return DatabaseSettings(dsn=empty_dsn)


@pytest.fixture
def conn(settings):
    with connect(settings) as conn:
        yield conn
