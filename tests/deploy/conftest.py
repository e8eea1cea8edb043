"""docker-compose.yml as data, and the scripts of deploy/."""

import importlib.util
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def compose():
    """The file with its merges resolved."""
    return YAML(typ="safe", pure=True).load((ROOT / "docker-compose.yml").read_text("utf-8"))


@pytest.fixture(scope="session")
def ours(compose):
    """The services that run our image, by name."""
    return {name: one for name, one in compose["services"].items() if one["image"].startswith("chargewell:")}


def _script(name):
    spec = importlib.util.spec_from_file_location(f"deploy_{name}", ROOT / "deploy" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make_secrets():
    return _script("make_secrets")


@pytest.fixture(scope="session")
def runtime_lock():
    return _script("runtime_lock")
