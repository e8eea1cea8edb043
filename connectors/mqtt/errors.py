"""What can go wrong with the MQTT broker, each with what to do about it."""


class MqttError(RuntimeError):
    """Base of the errors below."""


class MqttRefusedError(MqttError):
    """The broker answered and said no: trying again will not help before a setting or the broker is changed."""


class MqttUnreachableError(MqttError):
    """No broker answered in time."""


class MqttTimeoutError(MqttError):
    """The broker did not acknowledge in time."""
