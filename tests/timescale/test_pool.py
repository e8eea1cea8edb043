"""Connections from the pool: as settings say, and sound after the server lost them."""

import psycopg
import psycopg_pool
import pytest

from connectors.timescale.pool import advisory_key, open_pool

pytestmark = pytest.mark.integration


def test_a_connection_of_the_pool_has_path_role_and_limits(settings):
    wanted = settings.model_copy(update={"role": "chargewell_read", "statement_timeout_s": 0.2})

    with open_pool(wanted, application="test") as pool, pool.connection() as conn:
        assert conn.execute("SELECT current_user, current_setting('application_name')").fetchone() == (
            "chargewell_read",
            "test",
        )
        assert conn.execute("SELECT count(*) FROM pub.port").fetchone() == (0,)
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute("SELECT pg_sleep(5)")


def test_a_connection_that_the_server_ended_is_not_handed_out(settings, conn):
    with open_pool(settings.model_copy(update={"pool_max": 1})) as pool:
        with pool.connection() as first:
            pid = first.info.backend_pid
        conn.execute("SELECT pg_terminate_backend(%s)", (pid,))

        with pool.connection() as second:
            assert second.execute("SELECT 1").fetchone() == (1,)
            assert second.info.backend_pid != pid


def test_a_server_that_is_not_there_is_an_error_in_time(settings):
    gone = settings.model_copy(update={"dsn": "host=127.0.0.1 port=1 user=nobody", "connect_timeout_s": 0.3})

    with pytest.raises(psycopg_pool.PoolTimeout):
        open_pool(gone)


def test_the_key_of_a_lock_is_the_same_everywhere_and_fits_a_bigint():
    assert advisory_key("flow", "chargewell", "store", "00n") == advisory_key("flow", "chargewell", "store", "00n")
    assert len({advisory_key("flow", "chargewell", "store", f"{i:03d}") for i in range(1_000)}) == 1_000
    assert -(2**63) <= advisory_key("x") < 2**63
