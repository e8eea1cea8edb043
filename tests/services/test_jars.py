"""Jars come by exact coordinates and are checked, each time, against the committed lock."""

import hashlib
import re
from pathlib import Path

import pytest
import requests

from chargewell.services import ServiceError, java
from chargewell.services.java import Jar, JarLock, class_path, missing, read_lock

PRODUCTS = [path.name.split(".")[0] for path in Path(java.__file__).parent.glob("*.lock.toml")]


def lock_of(*contents):
    """A lock of made-up jars whose hashes are those of the contents."""
    jars = (Jar("org.example", f"part{i}", "1.0", hashlib.sha256(c).hexdigest()) for i, c in enumerate(contents))
    return JarLock("Example", "1.0", tuple(jars))


@pytest.fixture
def registry(monkeypatch):
    """What the registry serves, by artifact; fetching counts. Only the one line that reaches the network is replaced."""
    served, asked = {}, []

    def resolve(artifact):
        name = artifact.artifactId
        asked.append(name)
        if name not in served:
            raise requests.ConnectionError("no route to the registry")
        path = artifact.cached_path
        path.parent.mkdir(parents=True)
        path.write_bytes(served[name])
        return path

    monkeypatch.setattr("jgo.maven._core.Artifact.resolve", resolve)
    monkeypatch.setattr(java, "wait_exponential_jitter", lambda **_: lambda _state: 0)
    return served, asked


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_lock_holds_names_versions_and_hashes_and_no_address(product):
    lock = read_lock(product)
    text = (Path(java.__file__).parent / f"{product}.lock.toml").read_text("utf-8")

    assert len(lock.jars) > 30
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in lock.jars)
    assert len({jar.file_name for jar in lock.jars}) == len(lock.jars)
    assert "://" not in text


def test_what_is_missing_is_fetched_once(registry, tmp_path):
    served, asked = registry
    served |= {"part0": b"zero", "part1": b"one"}
    lock = lock_of(b"zero", b"one")
    notes = []

    first = class_path(lock, tmp_path, notes.append)
    second = class_path(lock, tmp_path, notes.append)

    assert first == second
    assert [Path(part).read_bytes() for part in first.split(":")] == [b"zero", b"one"]
    assert sorted(asked) == ["part0", "part1"]
    assert notes[0].startswith("fetching 2 jars of Example")
    assert missing(lock, tmp_path) == []


def test_a_jar_that_is_not_the_locked_one_is_refused_and_not_kept(registry, tmp_path):
    served, _ = registry
    served["part0"] = b"something else"
    lock = lock_of(b"zero")

    with pytest.raises(ServiceError) as raised:
        class_path(lock, tmp_path, lambda _: None)

    message = str(raised.value)
    assert "org.example:part0:1.0" in message
    assert f"expected {lock.jars[0].sha256}" in message
    assert f"got {hashlib.sha256(b'something else').hexdigest()}" in message
    assert "delete the file" in message
    assert missing(lock, tmp_path) == list(lock.jars)


def test_a_jar_changed_in_the_cache_is_refused(registry, tmp_path):
    served, _ = registry
    served["part0"] = b"zero"
    lock = lock_of(b"zero")
    path = Path(class_path(lock, tmp_path, lambda _: None))
    path.write_bytes(b"zerO")

    with pytest.raises(ServiceError, match=re.escape(str(path))):
        class_path(lock, tmp_path, lambda _: None)


def test_a_network_that_fails_is_tried_again_and_then_named_with_the_remedy(registry, tmp_path):
    _, asked = registry

    with pytest.raises(
        ServiceError, match=r"org\.example:part0:1\.0 cannot be fetched: no route.*connect to the network"
    ):
        class_path(lock_of(b"zero"), tmp_path, lambda _: None)

    assert asked == ["part0"] * 4
    assert list((tmp_path / "jars").glob("*.jar")) == []
