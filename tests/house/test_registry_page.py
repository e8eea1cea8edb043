"""docs/registry.md: its example is a registry, and it tells every column."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from chargewell.deployment import check_assets
from connectors.timescale.registry_files import read
from schemas.assets import KINDS, SINCE_EVER

PAGE = (Path(__file__).parents[2] / "docs" / "registry.md").read_text("utf-8")


@pytest.fixture
def example(tmp_path):
    (shown,) = re.findall(r"^```toml registry\n(.*?)^```$", PAGE, re.S | re.M)
    (tmp_path / "network.toml").write_text(shown, "utf-8")
    return tmp_path / "network.toml"


def test_the_example_passes_the_check_of_the_command(example):
    told = Console(file=io.StringIO(), width=400)

    assert check_assets(example, told) == 0, told.file.getvalue()


def test_the_example_shows_every_column_of_every_kind(example):
    network = read(example)

    for kind, model in KINDS.items():
        shown = {name for row in network.rows(kind) for name, value in row.model_dump().items() if value is not None}
        assert set(model.model_fields) - shown <= {"valid_to"}, kind
    assert any(row.valid_from != SINCE_EVER for row in network.station)


@pytest.mark.parametrize("kind", KINDS)
def test_each_column_is_told_and_whether_it_is_needed(kind):
    (part,) = re.findall(rf"^### {kind}\n(.*?)^(?=##)", PAGE, re.S | re.M)
    told = {}
    for names, needed in re.findall(r"^\| (`[^|]*`) \| (yes)? ?\|", part, re.M):
        told |= dict.fromkeys(re.findall(r"`(\w+)`", names), bool(needed))

    fields = KINDS[kind].model_fields
    assert told == {name: f.is_required() for name, f in fields.items() if name not in ("valid_from", "valid_to")}
