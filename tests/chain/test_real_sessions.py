"""A file of charging sessions through the whole chain, in processes of their own: each session once, with its energy."""

import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from chargewell.cli import app
from chargewell.health import behind, log_ends
from chargewell.processes import Processes, wait_until
from chargewell.up import start
from connectors.timescale.pool import connect

pytestmark = [pytest.mark.integration, pytest.mark.slow]
HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


@pytest.fixture
def chain(deployment, tmp_path):
    processes = Processes(tmp_path / "settings.toml", tmp_path / "logs", note=lambda _text: None)
    try:
        start(deployment, processes)
        with connect(deployment.database) as conn:
            heard = "SELECT count(*) FROM flow_progress WHERE flow = 'sessions'"
            ready = wait_until(lambda: conn.execute(heard).fetchone() == (2,), 60.0, [processes], step_s=0.2)
        assert ready, [managed.child and managed.child.log_tail(5) for managed in processes.all]
        yield processes
    finally:
        processes.stop()


@pytest.fixture
def real(unique):
    """Sessions of three stations one after the other; one has no end, one says it was done before it could be."""
    chance, made = random.Random(4), []
    for station in range(3):
        at = datetime(2021, 3, 1 + station, 6, tzinfo=UTC)
        for n in range(6):
            done, gone = (
                at + timedelta(minutes=chance.randint(30, 300)),
                at + timedelta(minutes=chance.randint(310, 500)),
            )
            made.append(
                {
                    "sessionID": f"{unique}-{station}-{n}",
                    "stationID": f"2-39-{unique}-{station}",
                    "connectionTime": at.strftime(HTTP_DATE),
                    "disconnectTime": gone.strftime(HTTP_DATE),
                    "doneChargingTime": done.strftime(HTTP_DATE) if n % 3 else None,
                    "kWhDelivered": round(chance.uniform(0.2, 40.0), 3),
                }
            )
            at = gone + timedelta(minutes=chance.randint(1, 90))
    made[5]["disconnectTime"] = made[5]["doneChargingTime"] = None
    made[8]["doneChargingTime"] = made[8]["connectionTime"]
    return made


def test_every_session_of_a_file_arrives_once_with_its_energy_and_what_is_odd_is_told(
    deployment, chain, real, tmp_path
):
    (tmp_path / "real.json").write_text(json.dumps(real))

    told = CliRunner().invoke(app, ["simulate", "--sessions", str(tmp_path / "real.json")], catch_exceptions=False)

    assert told.exit_code == 0
    assert f"1 have no disconnect time and were played with an open end: {real[5]['sessionID']}" in told.output
    assert f"1 have odd times: {real[8]['sessionID']}" in told.output
    wanted = {one["sessionID"]: one["kWhDelivered"] * 1000 for one in real}
    asked = "SELECT session_key, energy_register_wh, energy_integrated_wh, ended_at IS NOT NULL FROM charging_session"
    with connect(deployment.database) as conn:

        def over():
            return sum(ended for *_, ended in conn.execute(asked))

        wait_until(lambda: over() == len(real) - 1, 60.0, [chain], step_s=0.2)
        due = log_ends(deployment)
        assert wait_until(lambda: not behind(deployment, due), 60.0, [chain], step_s=0.2)
        found = conn.execute(asked).fetchall()
    assert sorted(key for key, *_ in found) == sorted(wanted)
    assert {key: over for key, _, _, over in found if not over} == {real[5]["sessionID"]: False}
    for key, register, integrated, ended in found:
        near = 1e-3 if ended else 0.02  # an open session stands as of its last full minute
        assert register == pytest.approx(wanted[key], rel=near)
        assert integrated == pytest.approx(wanted[key], rel=near)
    audited = CliRunner().invoke(app, ["audit"], catch_exceptions=False)
    assert audited.exit_code == 0, audited.output
