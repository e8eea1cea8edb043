"""Named queries: each says what it is for, stands once, and is used."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from connectors.timescale.queries import queries, query

SOURCES = "\n".join(
    path.read_text("utf-8")
    for package in ("connectors.timescale", "chargewell.prediction")
    for path in Path(str(files(package))).glob("*.py")
)


@pytest.mark.parametrize("name", sorted(queries()))
def test_every_query_says_what_it_is_for_is_one_statement_and_is_used(name):
    purpose, text = queries()[name]

    assert purpose
    assert ";" not in text
    assert re.search(rf'"{name}"', SOURCES) or name in ("recompute_reading_1m", *(f"registry_{k}" for k in ("site", "station", "port", "connector", "tariff")))  # fmt: skip


def test_a_name_that_is_not_there_is_an_error():
    with pytest.raises(KeyError):
        query("nothing")
