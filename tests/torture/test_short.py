"""Twice the same, the short form: a small recording, calm and torn."""

import pytest

from chargewell.services import ServiceSettings
from chargewell.torture.recorded import record
from chargewell.torture.run import Ordeal, torture


@pytest.mark.integration
@pytest.mark.slow
def test_a_recording_played_with_kills_leaves_the_same_tables(tmp_path, service_settings: ServiceSettings):
    recording = record(tmp_path / "recording.jsonl", stations=10, minutes=2, seed=5)

    torn = torture(recording, Ordeal(of_ours=2, of_services=1), speed=4, services=service_settings)

    assert [str(difference) for difference in torn.differences] == []
    assert torn.compared["reading"] > 500
    assert all(torn.compared[table] > 0 for table in ("charging_session", "availability", "incident", "work_order"))
    assert set(torn.kills) >= {"bridge", "flow-normalise", "flow-store", "control", "kafka", "postgres"}
