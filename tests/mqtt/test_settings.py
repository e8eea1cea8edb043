"""Half-given or impossible MQTT settings are refused by name."""

import pytest
from pydantic import ValidationError

from connectors.mqtt import MqttError, MqttSettings, Publisher


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"password": "x"}, "mqtt.password needs mqtt.user"),
        ({"cert": "c.pem"}, "mqtt.cert and mqtt.key go together"),
        ({"filters": ("$share/g/ev/#",)}, "shared subscription, which loses the order"),
        ({"filters": ("ev/#/x",)}, "is not a topic filter: # stands alone and last"),
        ({"filters": ("ev/a#",)}, "is not a topic filter: # stands alone and last"),
        ({"filters": ("ev/a+/x",)}, "is not a topic filter: \\+ stands alone"),
        ({"filters": ("",)}, "is not a topic filter"),
        ({"filters": ()}, "filters"),
        ({"client_id": "a|b"}, "client_id"),
        ({"protocol": "3.1"}, "protocol"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(given, said):
    with pytest.raises(ValidationError, match=said):
        MqttSettings(**given)


def test_tls_is_on_where_a_certificate_is_named():
    assert not MqttSettings().secure
    assert MqttSettings(tls=True).secure
    assert MqttSettings(ca="ca.pem").secure
    assert MqttSettings(ca="ca.pem", port=8883).shown == "localhost:8883 (TLS)"


def test_a_tls_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(MqttError, match=r"mqtt\.ca: .*missing\.pem cannot be read"):
        Publisher(MqttSettings(ca=tmp_path / "missing.pem"), client_id="x")
