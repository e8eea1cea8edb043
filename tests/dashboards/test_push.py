"""`chargewell dashboards push|check` against a Grafana that remembers: everything once, nothing twice, errors that say what to do."""

import json

import pytest
from typer.testing import CliRunner

from chargewell import dashboards_command
from chargewell.dashboards_command import app
from connectors.grafana.api import Grafana, GrafanaError, difference
from connectors.grafana.settings import GrafanaSettings
from dashboards.files import all_json, rules_json

RUN = CliRunner()


@pytest.fixture
def chargewell(grafana, monkeypatch, tmp_path):
    """Run `chargewell dashboards ...` with the settings of the fake Grafana; (exit status, words)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dashboards_command.screen, "width", 400)
    values = {"url": grafana.url, "token": "good", "source_host": "db:5432", "source_password": "secret"}

    def run(*arguments, **more):
        for name, value in (values | more).items():
            if value is None:
                monkeypatch.delenv(f"CHARGEWELL_GRAFANA__{name.upper()}", raising=False)
            else:
                monkeypatch.setenv(f"CHARGEWELL_GRAFANA__{name.upper()}", value)
        monkeypatch.setenv("CHARGEWELL_CONTROL__PUBLIC_URL", "https://ops.example/")
        done = RUN.invoke(app, list(arguments))
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return run


def writes(grafana):
    return [path for method, path in grafana.asked if method != "GET"]


def test_a_push_stores_folder_source_dashboards_and_rules(chargewell, grafana):
    status, words = chargewell("push")

    assert status == 0, words
    assert set(grafana.kept) == {
        "folders/chargewell",
        "datasources/uid/chargewell",
        *(f"dashboards/uid/{uid}" for uid in all_json()),
        *(f"v1/provisioning/alert-rules/{rule['uid']}" for rule in rules_json()),
    }
    assert all(
        found["meta"]["folderUid"] == "chargewell" for path, found in grafana.kept.items() if "dashboards" in path
    )
    stored = json.dumps(grafana.kept["dashboards/uid/chargewell-fleet"])
    assert "https://ops.example" in stored
    assert "127.0.0.1:8090" not in stored
    assert "secret" not in words


def test_a_second_push_changes_nothing(chargewell, grafana):
    chargewell("push")
    grafana.asked.clear()

    status, words = chargewell("push")

    assert status == 0
    assert writes(grafana) == []
    assert "made" not in words
    assert "changed" not in words


def test_what_was_changed_by_hand_is_named_by_check_and_mended_by_push(chargewell, grafana):
    chargewell("push")
    grafana.kept["dashboards/uid/chargewell-port"]["dashboard"]["panels"][1]["title"] = "Mine"
    grafana.kept.pop("v1/provisioning/alert-rules/chargewell-rejects")
    grafana.asked.clear()

    status, words = chargewell("check")

    assert status == 1
    assert "dashboard chargewell-port: differs at panels[1].title" in words
    assert "alert rule chargewell-rejects: missing" in words
    assert writes(grafana) == []
    chargewell("push")
    assert len(writes(grafana)) == 2
    assert chargewell("check")[0] == 0


def test_a_source_that_does_not_answer_fails_the_push_with_its_reason(chargewell, grafana):
    grafana.source_works = False

    status, words = chargewell("push")

    assert status == 1
    assert "data source 'chargewell' does not answer: password authentication failed" in words


def test_a_source_that_was_provisioned_is_left_alone(chargewell, grafana):
    chargewell("push")
    grafana.kept["datasources/uid/chargewell"] |= {"readOnly": True, "url": "other:5432"}
    grafana.asked.clear()

    assert chargewell("push")[0] == 0
    assert writes(grafana) == []


def test_a_source_that_moved_is_changed(chargewell, grafana):
    chargewell("push")

    status, words = chargewell("push", source_host="new:5432")

    assert status == 0
    assert "data source chargewell changed" in words
    assert grafana.kept["datasources/uid/chargewell"]["url"] == "new:5432"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"token": "bad"}, "did not .*: the login is refused: check grafana.token"),
        ({"token": None}, "no login for Grafana: set grafana.token"),
        ({"url": "http://127.0.0.1:9"}, "is grafana.url right, and does Grafana run"),
        ({"source_host": None}, "has no data source 'chargewell': set grafana.source_host"),
    ],
)
def test_errors_say_what_to_do(chargewell, change, error):
    with pytest.raises(GrafanaError, match=error):
        chargewell("push", **change)


def test_a_login_without_rights_is_told_so(chargewell, grafana):
    grafana.readonly = True

    with pytest.raises(GrafanaError, match=r"did not make the folder 'Chargewell': the login may not: .* role Admin"):
        chargewell("push")


def test_an_old_grafana_is_refused(grafana):
    grafana.version = "9.3.16"

    with (
        Grafana(GrafanaSettings(url=grafana.url, token="good")) as old,
        pytest.raises(GrafanaError, match=r"9\.3\.16 .* is too old: 9\.4 or newer"),
    ):
        old.version()


def test_write_makes_files_once(tmp_path):
    first = RUN.invoke(app, ["write", "--dashboards", str(tmp_path / "d"), "--deploy", str(tmp_path / "p")])
    second = RUN.invoke(app, ["write", "--dashboards", str(tmp_path / "d"), "--deploy", str(tmp_path / "p")])

    assert first.output.count("written") == len(all_json()) + 1
    assert "as the code says" in second.output


def test_difference_names_the_first_place_and_forgives_additions():
    wanted = {"a": {"b": [1, {"c": 2}]}, "id": None}

    assert difference(wanted, {"a": {"b": [1, {"c": 2, "more": 1}]}, "id": 7}) is None
    assert difference(wanted, {"a": {"b": [1, {"c": 3}]}}) == "a.b[1].c"
    assert difference(wanted, {"a": {"b": [1]}}) == "a.b"
