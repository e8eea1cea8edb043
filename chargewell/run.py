"""One process each: bridge, flow, control, made from settings."""

from datetime import UTC, datetime

from rich.console import Console

from chargewell.logs import set_up
from chargewell.settings import Settings
from chargewell.tidy import keep_tidy, tidy
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


def run_tidy(settings: Settings, every_h: float, console: Console) -> None:
    """Tidy up once, telling people of it, or every `every_h` hours until asked to stop."""
    if every_h:
        set_up()
        keep_tidy(settings, every_h)
        return
    for line in tidy(settings, datetime.now(UTC)):
        console.print(line, markup=False, highlight=False)


def control_mqtt(settings: Settings) -> MqttSettings:
    """How control reaches the broker: as the bridge does, but under a login of its own if it has one."""
    control = settings.control
    if control.mqtt_user is None:
        return settings.mqtt
    return settings.mqtt.model_copy(update={"user": control.mqtt_user, "password": control.mqtt_password})
