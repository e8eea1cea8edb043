"""What is made at the first start: settings that load, logins that fit, each secret for one container alone."""

import base64
import hashlib
import stat
import tomllib

import pytest

from chargewell.run import control_mqtt
from chargewell.settings import load
from connectors.timescale.registry_files import read
from schemas.assets_check import check

PROCESSES = ["prepare", "bridge", "flows", "control", "simulator"]


@pytest.fixture
def folder(make_secrets, tmp_path):
    make_secrets.main([str(tmp_path / "s"), "--demo"])
    return tmp_path / "s"


def words(folder):
    """Every secret that stands in a file of settings, by the file's folder."""
    found = {}
    for path in folder.glob("*/chargewell.toml"):
        text = path.read_text("utf-8")
        found[path.parent.name] = {
            w for w in text.replace("@", " ").replace(":", " ").replace('"', " ").split() if len(w) >= 32
        }
    for path in folder.glob("*/*_password"):
        found.setdefault(path.parent.name, set()).add(path.read_text("utf-8"))
    return found


def hashes(folder):
    lines = (folder / "mosquitto" / "passwords").read_text("utf-8").splitlines()
    return dict(line.split(":", 1) for line in lines)


def fits(password, hashed):
    _, kind, rounds, salt, digest = hashed.split("$")
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(rounds))
    return kind == "7" and made == base64.b64decode(digest)


@pytest.mark.parametrize("process", PROCESSES)
def test_the_settings_of_each_process_load(folder, monkeypatch, process):
    monkeypatch.setenv("CHARGEWELL_CONFIG", str(folder / process / "chargewell.toml"))

    settings = load()

    text = settings.model_dump_json()
    assert "unset: set flows.token_key" not in text or process != "flows"
    if process == "flows":
        assert len(settings.flows.token_key.get_secret_value()) >= 32
    if process == "control":
        assert len(settings.control.session_secret.get_secret_value()) >= 32
        assert control_mqtt(settings).user == "control"


def test_broker_logins_are_those_that_the_processes_use(folder):
    known = hashes(folder)
    for process in ("bridge", "control", "simulator"):
        mqtt = tomllib.loads((folder / process / "chargewell.toml").read_text("utf-8"))["mqtt"]
        assert fits(mqtt["password"], known[mqtt["user"]])
    stations = tomllib.loads((folder / "simulator" / "chargewell.toml").read_text("utf-8"))["simulator"]["passwords"]
    assert len(stations) == 60
    assert all(fits(password, known[station]) for station, password in stations.items())
    assert set(known) == {"bridge", "control", *stations}


def test_the_access_list_lets_control_alone_write_to_stations(folder):
    lines = (folder / "mosquitto" / "acl").read_text("utf-8").splitlines()

    assert [line for line in lines if "write" in line] == ["topic write ev/+/to/#", "pattern write ev/%u/from/#"]
    assert lines[lines.index("topic write ev/+/to/#") - 1] == "user control"


def test_each_process_knows_its_own_secrets_and_the_readers_are_the_only_ones_to_share(folder):
    found = words(folder)
    assert all(found[name] for name in ("bridge", "flows", "control", "prepare", "simulator", "database", "grafana"))
    shared = {frozenset((a, b)) for a in found for b in found if a < b and found[a] & found[b]}

    assert shared == {
        frozenset(pair)
        for pair in (
            ("prepare", "database"),
            ("prepare", "flows"),
            ("prepare", "control"),
            ("prepare", "grafana"),
            ("control", "simulator"),
        )
    }


def test_files_are_for_one_user_alone(folder, make_secrets):
    for path in folder.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o400), path
    assert {path.name for path in folder.iterdir()} == set(make_secrets.OWNERS)


def test_a_second_start_changes_nothing(folder, make_secrets, capsys):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    make_secrets.main([str(folder)])
    make_secrets.main([str(folder), "--demo"])

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert "were made before" in capsys.readouterr().out


def test_without_its_mark_passwords_are_made_anew_but_ids_and_stations_stay(folder, make_secrets):
    make_secrets.main([str(folder), "--login", "DE-X-001"])
    before, logins = words(folder), hashes(folder)
    (folder / "prepare" / "chargewell.toml").unlink()

    make_secrets.main([str(folder)])
    make_secrets.main([str(folder), "--demo"])

    after = words(folder)
    assert not before["database"] & after["database"]
    assert not before["bridge"] & after["bridge"]
    token = tomllib.loads((folder / "flows" / "chargewell.toml").read_text("utf-8"))["flows"]["token_key"]
    assert before["flows"] & after["flows"] == {token}
    assert hashes(folder)["DE-X-001"] == logins["DE-X-001"]
    control = tomllib.loads((folder / "control" / "chargewell.toml").read_text("utf-8"))["mqtt"]
    assert tomllib.loads((folder / "simulator" / "chargewell.toml").read_text("utf-8"))["mqtt"] == control


def test_the_registry_of_the_simulated_network_has_the_stations_that_have_logins_and_none_is_wrong(folder):
    network = read(folder / "prepare" / "network.toml")

    assert {station.station for station in network.station} == set(hashes(folder)) - {"bridge", "control"}
    assert check(network) == []


def test_production_gets_no_login_or_registry_of_the_simulator(make_secrets, tmp_path):
    make_secrets.main([str(tmp_path)])

    assert set(hashes(tmp_path)) == {"bridge", "control"}
    assert not (tmp_path / "prepare" / "network.toml").exists()
    assert not (tmp_path / "simulator").exists()


def test_a_station_gets_a_login_and_a_new_password_replaces_the_old(folder, make_secrets, capsys):
    others = hashes(folder)
    capsys.readouterr()
    made = []
    for _ in range(2):
        make_secrets.main([str(folder), "--login", "DE-X-001"])
        made.append(capsys.readouterr().out.split()[1])

    known = hashes(folder)
    assert fits(made[1], known["DE-X-001"])
    assert not fits(made[0], known["DE-X-001"])
    assert {name: known[name] for name in others} == others


@pytest.mark.parametrize("name", ["DE.X@north_1-b", "0", "x" * 64])
def test_what_messages_take_as_a_station_gets_a_login(folder, make_secrets, name):
    make_secrets.main([str(folder), "--login", name])

    assert name in hashes(folder)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, "is no station id") for name in ("a/b", "#", "a b", "", "-a", ".a", "_a", "@a", "x" * 65)),
        ("a\nuser control", "is no station id"),
        ("a\n", "is no station id"),
        ("a:b", "a colon ends the name"),
        ("control", "a login of our own"),
    ],
)
def test_a_name_that_could_reach_further_is_refused(folder, make_secrets, name, reason):
    before = hashes(folder)
    with pytest.raises(SystemExit, match=reason):
        make_secrets.main([str(folder), f"--login={name}"])
    assert hashes(folder) == before
