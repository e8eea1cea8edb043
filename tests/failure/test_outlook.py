"""Outlooks worked out beside the flow: what fails is asked again, and what could never answer does not get in."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from chargewell.prediction import outlook as module
from chargewell.prediction.outlook import DatabaseOutlook
from chargewell.prediction.registry import bundled, enter
from connectors.timescale.models import ModelError
from connectors.timescale.settings import DatabaseSettings
from models.failure.bundle import unpack
from models.failure.foretell import foreign
from models.failure.hours import HOUR_US
from models.failure.operator import Foretold


@pytest.mark.parametrize("error", [ValueError("the database is odd"), KeyError("a defect")])
def test_an_outlook_that_failed_can_be_asked_for_again(monkeypatch, until, error):
    found = Foretold(HOUR_US, [], [])
    answers = [error, found]

    def work_out(*_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(module, "_PAUSE_S", 0.0)
    monkeypatch.setattr(module, "connect", lambda *_, **__: nullcontext())
    monkeypatch.setattr(module, "outlook", work_out)
    monkeypatch.setattr(DatabaseOutlook, "_wait", lambda *_: None)
    asked = DatabaseOutlook(DatabaseSettings(dsn="postgresql://nowhere"), 1)

    asked.ask("00n", HOUR_US, 0)
    until(lambda: not asked.busy("00n"))
    assert asked.answer("00n") is None
    asked.ask("00n", HOUR_US, 0)
    told = []
    until(lambda: told.append(asked.answer("00n")) or told[-1] is not None)
    assert told[-1] is found
    assert not asked.busy("00n")


@pytest.fixture(scope="module")
def bundle():
    return unpack(bundled())


def test_the_bundled_model_is_one_of_ports(bundle):
    assert foreign(bundle) is None


def test_a_model_of_other_columns_families_horizons_or_no_level_is_not_entered(bundle):
    columns = (("pressure",), *bundle.preparation.signature[1:])
    first = bundle.hazards[0]
    for change in (
        {"preparation": replace(bundle.preparation, signature=columns)},
        {"hazards": (replace(first, family="bearing"),)},
        {"hazards": ()},
        {"hazards": (replace(first, edges=(0, 1, 7, 14)),)},
        {"scores": {"level": 1.0}},
    ):
        with pytest.raises(ModelError, match="chargewell train"):
            enter(None, replace(bundle, **change), "a file")
