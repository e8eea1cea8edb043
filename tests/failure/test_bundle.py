import hashlib
import pickle
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.failure.bundle import Bundle, BundleError, decode, encode
from models.failure.hazard import Training, train_hazards
from models.failure.life import train_life

_HEAD = len(b"chargewell failure model\n") + 32


@pytest.fixture(scope="module")
def known(make):
    return make.worn(units=15, days=60)


@pytest.fixture(scope="module")
def bundle(known):
    fleet = Training(known.history, known.unit, known.at, known.failures, known.watched, (1, 7))
    preparation, hazards = train_hazards(fleet, ("fan", "never"))
    return Bundle("2026-11-21.1", (24, 2880), preparation, tuple(hazards), None, {"pr_auc": 0.4})


@pytest.fixture(scope="module")
def body(bundle):
    return encode(bundle)


def resealed(body, change):
    rest = msgspec.msgpack.decode(body[_HEAD:])
    change(rest)
    forged = msgspec.msgpack.encode(rest)
    return body[: _HEAD - 32] + hashlib.blake2b(forged, digest_size=32).digest() + forged


def test_a_model_answers_the_same_after_it_rested(bundle, body, known):
    back = decode(body)
    before = bundle.hazards[0].risk(bundle.preparation.of(known.history), known.unit, known.at)
    after = back.hazards[0].risk(back.preparation.of(known.history), known.unit, known.at)

    np.testing.assert_array_equal(before.within, after.within)
    assert (back.version, back.span, back.scores) == (bundle.version, bundle.span, bundle.scores)
    assert back.features == bundle.features
    assert back.hazards[1].component is None
    assert encode(back) == body


def test_a_model_of_remaining_life_rests_too(make):
    history, ends = make.wearing(units=30)
    preparation, model = train_life(history, ends, ends)
    back = decode(encode(Bundle("1", (0, 9), preparation, life=model)))
    unit = np.arange(30)

    assert back.life is not None
    np.testing.assert_array_equal(
        back.life.left(back.preparation.of(history), unit, ends), model.left(preparation.of(history), unit, ends)
    )
    assert "remaining life" in back.features


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_one_changed_byte_anywhere_is_found(body, data):
    place = data.draw(st.integers(0, len(body) - 1))
    damaged = bytearray(body)
    damaged[place] ^= data.draw(st.integers(1, 255))

    with pytest.raises(BundleError):
        decode(bytes(damaged))


@pytest.mark.parametrize("foreign", [b"", b"PK\x03\x04", pickle.dumps({"a": 1}), b"chargewell failure model\n"])
def test_foreign_files_are_refused(foreign):
    with pytest.raises(BundleError):
        decode(foreign)


def test_a_file_cut_short_is_refused(body):
    with pytest.raises(BundleError, match="damaged"):
        decode(body[:-100])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: r.update(format=2), "format 2"),
        (lambda r: r.update(extra=1), "whole failure model"),
        (lambda r: r.pop("kept"), "whole failure model"),
        (lambda r: r.update(signature=[]), "no columns"),
        (lambda r: r["kept"].update(body=np.array([0, 1, 99]).tobytes()), "does not name"),
        (lambda r: r["kept"].update(shape=[7]), "whole failure model"),
        (lambda r: r["joint"].update(kind="|O8"), "where <f8 is needed"),
        (lambda r: r["regimes"]["scale"].update(body=bytes(8), shape=[1]), "regimes"),
        (lambda r: r["hazards"][0].update(edges=[0, 1]), "intervals for edges"),
        (lambda r: r["hazards"][0].update(names=["a"]), "are named"),
        (lambda r: r["hazards"][0]["intervals"][0]["trees"]["arrays"].pop("left"), "whole failure model"),
        (
            lambda r: r["hazards"][0]["intervals"][0]["trees"]["arrays"].update(
                left=r["hazards"][0]["intervals"][0]["trees"]["arrays"]["feature"]
            ),
            "outside itself or back",
        ),
    ],
)
def test_a_forged_file_is_refused_with_the_reason(body, change, reason):
    with pytest.raises(BundleError, match=reason):
        decode(resealed(body, change))


def test_features_are_listed_by_family(bundle):
    assert set(bundle.features) == {"fan", "never"}
    assert "heat.mean.5" in bundle.features["fan"]
    assert replace(bundle, hazards=()).features == {}
