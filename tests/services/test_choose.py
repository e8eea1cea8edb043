"""Given by settings, else found on the machine, else embedded; data that is there decides before the machine does."""

from dataclasses import dataclass
from typing import Any

import pytest

from chargewell.services import Availability, ServiceError, ServiceSettings, choose
from chargewell.services.doctor import survey
from chargewell.services.folder import Record
from chargewell.services.provider import provider


@dataclass
class Candidate:
    """A provider that is only chosen here, never started."""

    name: str
    origin: str
    ok: bool = True
    kind: str = "mqtt"
    start: Any = None

    def available(self):
        return Availability(self.ok, f"{self.name} is {'there' if self.ok else 'not there'}")

    def version(self):
        return f"{self.name} 1.0"


@pytest.fixture
def machine(monkeypatch):
    """Say which providers there are: `machine(given=.., installed=.., embedded=..)`."""

    def has(**there):
        made = [Candidate(f"the-{origin}", origin, ok) for origin, ok in there.items()]
        monkeypatch.setitem(choose.__globals__, "providers", lambda *_: made)

    return has


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"given": True, "installed": True, "embedded": True}, "given"),
        ({"given": False, "installed": True, "embedded": True}, "installed"),
        ({"given": False, "installed": False, "embedded": True}, "embedded"),
    ],
)
def test_the_first_that_is_there_is_taken_and_the_others_say_why_not(machine, there, taken):
    machine(**there)

    choice = choose("mqtt", ServiceSettings())

    assert choice.provider.origin == taken
    assert choice.reason == f"the-{taken} is there"
    assert [why for _, why in choice.passed_over] == [
        f"the-{name} is not there" for name, ok in there.items() if not ok
    ]


@pytest.mark.parametrize("use", ["given", "installed", "embedded"])
def test_a_forced_choice_is_kept(machine, use):
    machine(given=True, installed=True, embedded=True)

    assert choose("mqtt", ServiceSettings(mqtt={"use": use})).provider.origin == use


def test_a_forced_choice_that_is_not_there_is_an_error_that_names_setting_and_reason(machine):
    machine(given=False, installed=False, embedded=True)

    with pytest.raises(ServiceError, match=r"the-installed is not there.*services\.mqtt\.use \(now installed\)"):
        choose("mqtt", ServiceSettings(mqtt={"use": "installed"}))


def test_data_that_is_there_decides_before_the_machine_does(machine, tmp_path):
    machine(given=False, installed=True, embedded=True)
    Record(tmp_path).write("the-embedded", {}, None)

    choice = choose("mqtt", ServiceSettings(), tmp_path)

    assert choice.provider.origin == "embedded"
    assert str(tmp_path) in choice.reason


def test_a_given_address_decides_before_the_data_does(machine, tmp_path):
    machine(given=True, installed=True, embedded=True)
    Record(tmp_path).write("the-embedded", {}, None)

    assert choose("mqtt", ServiceSettings(), tmp_path).provider.origin == "given"


def test_the_doctor_reports_each_kind_even_when_one_has_none(machine):
    machine(given=False, installed=False, embedded=False)

    findings = survey(ServiceSettings())

    assert [one.kind for one in findings] == ["kafka", "mqtt", "postgres"]
    assert all(one.provider is None and "the-embedded is not there" in one.reason for one in findings)


def test_two_providers_of_one_name_stop_the_program():
    with pytest.raises(ValueError, match="two providers are named kafka given"):
        provider(type("Again", (), {"kind": "kafka", "name": "given"}))


def test_kafka_stays_embedded_when_the_installed_set_is_forced():
    forced = ServiceSettings().forced("installed")

    assert [forced.use(kind) for kind in ("kafka", "mqtt", "postgres")] == ["embedded", "installed", "installed"]
