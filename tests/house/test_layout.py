"""The house stands as it was decided (docs/adr/0001-house.md): names are ours alone, tests import by file, the lock names no address."""

import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@pytest.mark.parametrize("name", PACKAGES)
def test_each_top_level_name_is_ours_alone(name):
    owners = set(packages_distributions().get(name, [])) - {"chargewell"}

    assert owners == set()


def test_no_package_marker_stands_under_tests():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_the_lock_names_no_address():
    assert re.findall(r"https?://|--index-url|--find-links", (ROOT / "requirements.lock").read_text("utf-8")) == []


def test_every_requirement_of_the_project_is_locked_with_a_hash():
    locked = {
        re.sub(r"[-_.]+", "-", m.group(1)).lower()
        for m in re.finditer(
            r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==", (ROOT / "requirements.lock").read_text("utf-8"), re.M
        )
    }
    wanted = PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", w, maxsplit=1)[0]).lower() for w in wanted}

    assert names - locked == set()


def test_every_top_level_folder_is_there():
    wanted = ["pipelines", "models", "connectors", "schemas", "notebooks", "dashboards", "tests"]

    assert [name for name in wanted if not (ROOT / name).is_dir()] == []
    assert (ROOT / "docker-compose.yml").is_file()
