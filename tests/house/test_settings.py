"""Settings: documented, validated at start, and an error names the setting and the remedy."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from chargewell import settings as s
from chargewell.flows import normalising
from schemas.telemetry import RawRecord, encode_cw

CW = encode_cw("m", 1_760_000_000_000_000, False, False, "from", 1, "b", 0)
DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in list(__import__("os").environ):
        if name.startswith("CHARGEWELL_"):
            monkeypatch.delenv(name)


def test_every_setting_is_described():
    assert [name for name, _, text in s.described() if not text] == []


def test_every_setting_stands_in_the_documentation_as_it_is():
    assert DOCS.read_text("utf-8").endswith(s.table())


def test_the_environment_wins_over_the_file(monkeypatch, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text('[kafka]\nbootstrap = "file:1"\npartitions = 4\n')
    monkeypatch.setenv(s.CONFIG_VARIABLE, str(file))
    monkeypatch.setenv("CHARGEWELL_KAFKA__BOOTSTRAP", "environment:1")

    assert (s.load().kafka.bootstrap, s.load().kafka.partitions) == ("environment:1", 4)


def test_a_wrong_value_names_the_setting_and_where_to_set_it(monkeypatch):
    monkeypatch.setenv("CHARGEWELL_KAFKA__PARTITIONS", "many")

    with pytest.raises(s.SettingsFileError, match=r"setting kafka\.partitions: .*CHARGEWELL_KAFKA__PARTITIONS"):
        s.load()


def test_an_unknown_setting_is_refused_by_name(monkeypatch, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[kafka]\nbotstrap = 'x'\n")
    monkeypatch.setenv(s.CONFIG_VARIABLE, str(file))

    with pytest.raises(s.SettingsFileError, match=r"kafka\.botstrap"):
        s.load()


def test_a_broken_file_is_named(monkeypatch, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[kafka\n")
    monkeypatch.setenv(s.CONFIG_VARIABLE, str(file))

    with pytest.raises(s.SettingsFileError, match=r"cannot be read"):
        s.load()


def test_a_missing_file_is_named(monkeypatch):
    monkeypatch.setenv(s.CONFIG_VARIABLE, "nowhere.toml")

    with pytest.raises(s.SettingsFileError, match=r"nowhere\.toml"):
        s.load()


def test_one_namespace_reaches_topics_and_schema():
    settings = s.load(namespace="north")

    assert settings.kafka.topics.raw == "north.ev.raw"
    assert settings.database.namespace == "north"


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        s.load().namespace = "x"


def test_what_is_written_for_processes_reads_back_the_same_and_only_for_the_owner(monkeypatch, tmp_path):
    flows = s.FlowSettings(token_key=SecretStr("0123456789abcdef"), epoch_s=3)
    before = s.load(namespace="north", flows=flows)
    path = tmp_path / "run" / "settings.toml"

    s.write(before, path)
    monkeypatch.setenv(s.CONFIG_VARIABLE, str(path))

    assert s.load() == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_topics_of_others_are_bound_in_the_file_for_bridge_and_normalise_and_survive_writing(monkeypatch, tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(
        '[mqtt]\nfilters = ["meters/#"]\n'
        '[[bridge.patterns]]\npattern = "meters/(?P<station>[^/]+)/live"\n'
        "[flows]\nlimits = { payload_bytes = 5000 }\n"
        '[[flows.bindings]]\npattern = "meters/{station}/live"\nadapter = "reading"\n'
    )
    monkeypatch.setenv(s.CONFIG_VARIABLE, str(file))
    s.write(s.load(), tmp_path / "again.toml")
    monkeypatch.setenv(s.CONFIG_VARIABLE, str(tmp_path / "again.toml"))

    told = normalising(s.load())
    record = RawRecord(0, b"meters/M-7/live", b'{"port": 1, "voltage": 230.5}', CW)
    large = RawRecord(1, b"meters/M-7/live", b" " * 5_001, CW)
    batch = told.normaliser().normalise(0, [record, large]).batch

    assert (batch.ports, batch.readings.channels["voltage"].tolist()) == (["M-7/1"], [230.5])
    assert [r.reason for r in batch.rejects] == ["too_large"]
