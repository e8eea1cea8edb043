"""A broker that we start speaks TLS where certificates are set, and only TLS."""

import shutil
import subprocess

import pytest

from chargewell.services import MqttEndpoint, MqttTls, ServiceSettings, providers
from chargewell.services.probe import mqtt_answers

BROKERS = [one.name for one in providers(ServiceSettings(), "mqtt") if one.origin != "given"]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl, which makes the certificate, is not there"),
]


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate for 127.0.0.1, its own authority."""
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
    )
    return MqttTls(certificate=chain, key=key, authority=chain)


@pytest.mark.parametrize("name", BROKERS)
def test_messages_pass_by_tls_and_a_plain_client_is_not_answered(name, certificate, provider_named, connect, tmp_path):
    running = provider_named("mqtt", name, ServiceSettings(mqtt={"tls": certificate})).start(tmp_path / "broker")
    try:
        at = running.endpoint
        listener = connect(at)
        assert listener.subscribe("by/tls")
        assert connect(at).publish("by/tls", b"1")

        assert listener.wait(lambda: listener.heard == [("by/tls", b"1")])
        assert not mqtt_answers(MqttEndpoint(at.host, at.port))
    finally:
        running.stop()
