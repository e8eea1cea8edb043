"""One process each: bridge, flow, control, made from settings."""

from chargewell.logs import set_up
from chargewell.settings import Settings
from connectors.metrics import shown
from connectors.mqtt import MqttSettings


def run_bridge(settings: Settings) -> None:
    """Run the bridge until it is asked to stop."""
    from pipelines.bridge import run_bridge as run

    set_up()
    with shown(settings.metrics):
        run(settings.mqtt, settings.kafka, settings.bridge)


def run_flow(settings: Settings, name: str, *, rebuild: bool = False) -> None:
    """Run one flow, or `all`, until it is asked to stop."""
    from chargewell.flows import run

    set_up()
    with shown(settings.metrics):
        run(settings, name, rebuild=rebuild)


def run_control(settings: Settings) -> None:
    """Run the control service until it is asked to stop."""
    from control.run import run

    set_up()
    with shown(settings.metrics):
        run(settings.control, settings.database, settings.kafka, control_mqtt(settings))


def control_mqtt(settings: Settings) -> MqttSettings:
    """How control reaches the broker: as the bridge does, but under a login of its own if it has one."""
    control = settings.control
    if control.mqtt_user is None:
        return settings.mqtt
    return settings.mqtt.model_copy(update={"user": control.mqtt_user, "password": control.mqtt_password})
