from dataclasses import replace

import numpy as np
import pytest

from models.failure.hazard import Training, train_hazards
from models.failure.scores import average_precision, brier, calibration_error


@pytest.fixture(scope="module")
def trained(known):
    given = Training(known.history, known.unit, known.at, known.failures, known.watched, (1, 7))
    preparation, (model,) = train_hazards(given, ("fan",))
    return preparation, model


@pytest.fixture(scope="module")
def judged(trained, make):
    """Risks for another fleet of the same physics, and what came."""
    other = make.worn(seed=1)
    preparation, model = trained
    features = preparation.of(other.history)
    struck = {(u, t) for u, t in zip(other.failures.unit, other.failures.at, strict=True)}
    came = np.array([(u, t + 24) in struck for u, t in zip(other.unit, other.at, strict=True)])
    return other, features, model.risk(features, other.unit, other.at), came


def test_probabilities_come_true_as_often_as_they_say(judged):
    other, _, risk, came = judged
    said = risk.within[:, 0]

    assert calibration_error(came, said) < 0.02
    assert said.mean() == pytest.approx(other.chance.mean(), rel=0.15)
    assert np.corrcoef(said, other.chance)[0, 1] > 0.85


def test_it_beats_the_base_rate_and_comes_near_the_best_possible(judged):
    other, _, risk, came = judged
    reached, best = average_precision(came, risk.within[:, 0]), average_precision(came, other.chance)

    assert best > 2 * came.mean()
    assert reached > 0.7 * best
    assert reached > 2 * came.mean()
    assert brier(came, risk.within[:, 0]).skill > 0.5 * brier(came, other.chance).skill


def test_longer_horizons_are_likelier_and_the_lead_lies_within_them(judged):
    *_, risk, _ = judged

    assert (risk.within[:, 1] >= risk.within[:, 0]).all()
    assert ((risk.lead >= 0.5) & (risk.lead <= 4)).all()
    assert np.corrcoef(risk.lead, risk.within[:, 0])[0, 1] < -0.5
    np.testing.assert_allclose(risk.between(0, 1), risk.within[:, 1] - risk.within[:, 0])


def test_the_reason_of_a_high_risk_is_the_heat(trained, judged):
    other, features, risk, _ = judged
    worst = np.argsort(-risk.within[:, 0])[:10]
    reasons = trained[1].reasons(features, other.unit[worst], other.at[worst])

    assert all(told[0][0].split(".")[0] in ("heat", "joint1", "joint2") and told[0][1] > 0 for told in reasons)
    assert sum(told[0][0].startswith("heat") for told in reasons) > 5


def test_a_family_that_hardly_ever_failed_gets_its_rate_and_no_reasons(known):
    few = known.failures.of(0)
    few = type(few)(few.unit[:3], few.at[:3], few.kind[:3])
    given = Training(known.history, known.unit, known.at, few, known.watched, (1,))
    preparation, (model,) = train_hazards(given, ("fan",))
    features = preparation.of(known.history)
    risk = model.risk(features, known.unit[:5], known.at[:5])

    np.testing.assert_allclose(risk.within[:, 0], 3.5 / len(known.at), rtol=0.05)
    assert model.reasons(features, known.unit[:1], known.at[:1]) == [[]]


def test_a_risk_does_not_depend_on_later_rows(trained, judged, make):
    other, _, risk, _ = judged
    preparation, model = trained
    day = 60 * 24
    then = np.flatnonzero(other.at == day)
    early = model.risk(preparation.of(make.until(other.history, day)), other.unit[then], other.at[then])

    np.testing.assert_array_equal(early.within, risk.within[then])


def test_edges_that_do_not_rise_are_refused(known):
    given = Training(known.history, known.unit, known.at, known.failures, known.watched, (7, 1))

    with pytest.raises(ValueError, match="must rise"):
        train_hazards(given, ("fan",))


def test_a_model_for_other_features_is_refused(trained, known):
    preparation, model = trained

    with pytest.raises(ValueError, match="train it anew"):
        replace(model, names=model.names[1:]).risk(preparation.of(known.history), known.unit[:1], known.at[:1])
