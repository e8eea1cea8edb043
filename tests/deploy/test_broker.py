"""The broker's own files as `secrets` makes them, read by a real Mosquitto: who may say and hear what."""

import os
import shutil
import subprocess

import pytest

from chargewell.services.ports import free_port
from connectors.mqtt import MqttRefusedError, MqttSettings, Publisher

pytestmark = pytest.mark.integration
PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@pytest.fixture
def broker(make_secrets, tmp_path, capsys):
    """A Mosquitto on the files of a first start with one station's login; `(port, passwords by login)`."""
    if PROGRAM is None:
        missing = (
            "no Mosquitto on this machine: `make services` installs it, or on another system its package mosquitto"
        )
        (pytest.fail if os.environ.get("CHARGEWELL_REQUIRE_SERVICES") == "1" else pytest.skip)(missing)
    make_secrets.main([str(tmp_path)])
    capsys.readouterr()
    make_secrets.main([str(tmp_path), "--login", "DE-X-001"])
    station, password = capsys.readouterr().out.split()
    port, conf = free_port(), tmp_path / "mosquitto" / "mosquitto.conf"
    (tmp_path / "data").mkdir(mode=0o777)
    (tmp_path / "conf.d").mkdir()
    text = conf.read_text("utf-8").replace("listener 1883", f"listener {port} 127.0.0.1\nuser root")
    text = text.replace("/run/chargewell", str(tmp_path)).replace("/mosquitto/data", str(tmp_path / "data"))
    text = text.replace("/mosquitto/conf.d", str(tmp_path / "conf.d"))
    conf.chmod(0o600)
    conf.write_text(text, "utf-8")
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen([PROGRAM, "-c", str(conf)], stdout=log, stderr=log)
    words = {name: make_secrets.tomllib.loads((tmp_path / name / "chargewell.toml").read_text("utf-8"))["mqtt"]["password"]
             for name in ("bridge", "control")}  # fmt: skip
    try:
        yield port, words | {station: password}, tmp_path / "log"
    finally:
        child.terminate()
        child.wait(60)


def connected(port, login, password):
    """Whether the broker lets it in; waits until the broker answers."""
    publisher = Publisher(
        MqttSettings(host="127.0.0.1", port=port, user=login, password=password), client_id=f"t-{login}"
    )
    try:
        publisher.wait_connected(60)
    except MqttRefusedError:
        return False
    finally:
        publisher.close()
    return True


def test_mosquitto_takes_the_files_and_lets_in_whom_they_name_alone(broker):
    port, words, log = broker

    assert connected(port, "bridge", words["bridge"])
    assert connected(port, "control", words["control"])
    assert connected(port, "DE-X-001", words["DE-X-001"])
    assert not connected(port, "DE-X-001", words["bridge"])
    assert not connected(port, "DE-X-002", words["DE-X-001"])
    assert "Error" not in log.read_text("utf-8")
