"""All settings of a deployment: one frozen object from the environment and an optional TOML file.

`CHARGEWELL_KAFKA__BOOTSTRAP=...` sets `bootstrap` in the table `[kafka]`; the environment wins over the file. Every part
describes its own settings beside its code; here they are composed, and errors name the setting and the remedy.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from chargewell.services.settings import ServiceSettings
from connectors.adapters.limits import Limits
from connectors.adapters.routes import TopicBinding
from connectors.grafana.settings import GrafanaSettings
from connectors.kafka import KafkaSettings
from connectors.metrics import MetricsSettings
from connectors.mqtt import MqttSettings
from connectors.timescale.retention import RetentionSettings
from connectors.timescale.settings import DatabaseSettings
from control.settings import ControlSettings
from pipelines.bridge.settings import BridgeSettings
from simulator.settings import SimulatorSettings

CONFIG_VARIABLE = "CHARGEWELL_CONFIG"
DEFAULT_FILE = "chargewell.toml"
_NO_DATABASE = "postgresql://localhost/chargewell"


class FlowSettings(BaseModel):
    """How the flows run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Annotated[
        Literal["fused", "apart"],
        Field(description="fused: all flows in one process (up to about 5,000 ports); apart: one process each"),
    ] = "fused"
    epoch_s: Annotated[
        float, Field(gt=0, le=600, description="Seconds between snapshots; a crash replays at most this much")
    ] = 60.0
    workers: Annotated[int, Field(ge=1, le=64, description="Workers (threads) of a flow's process")] = 1
    flush_s: Annotated[
        float, Field(ge=0, le=60, description="Longest time rows wait in a sink before they are written")
    ] = 0.5
    limits: Annotated[Limits, Field(description="Bounds of what normalise takes")] = Limits()
    bindings: Annotated[
        tuple[TopicBinding, ...],
        Field(
            description="Topics beside ev/<station>/from/<kind> and the adapter that reads them; the bridge needs the "
            "same in mqtt.filters and bridge.patterns"
        ),
    ] = ()
    token_key: Annotated[
        SecretStr, Field(min_length=16, description="Key under which RFID and contract ids are hashed; keep it secret")
    ] = SecretStr("unset: set flows.token_key")


class SettingsFileError(ValueError):
    """The settings cannot be used; the message names each setting, what is wrong with it, and where it may be set."""


class Settings(BaseSettings):
    """Everything that can be set. Frozen: what a process was started with is what it runs with."""

    model_config = SettingsConfigDict(
        env_prefix="CHARGEWELL_", env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=True
    )

    namespace: Annotated[
        str,
        Field(
            pattern=r"^([a-z][a-z0-9_]{0,39})?$",
            description="Prefix of topics, groups and client ids, and the database schema; one deployment per operator",
        ),
    ] = ""
    data_dir: Annotated[Path, Field(description="Folder for recovery stores, logs and embedded services")] = Path(
        ".chargewell"
    )
    services: Annotated[ServiceSettings, Field(description="Which services the demo and the tests start")] = (
        ServiceSettings()
    )
    kafka: Annotated[KafkaSettings, Field(description="Kafka")] = KafkaSettings()
    mqtt: Annotated[MqttSettings, Field(description="The MQTT broker")] = MqttSettings()
    bridge: Annotated[BridgeSettings, Field(description="The bridge")] = BridgeSettings()
    database: Annotated[DatabaseSettings, Field(description="PostgreSQL or TimescaleDB")] = DatabaseSettings(
        dsn=_NO_DATABASE
    )
    retention: Annotated[
        RetentionSettings, Field(description="How many days each table keeps its rows; 0: for ever")
    ] = RetentionSettings()
    flows: Annotated[FlowSettings, Field(description="The dataflows")] = FlowSettings()
    control: Annotated[ControlSettings, Field(description="The control service")] = ControlSettings()
    metrics: Annotated[MetricsSettings, Field(description="Metrics for Prometheus")] = MetricsSettings()
    grafana: Annotated[GrafanaSettings, Field(description="Grafana")] = GrafanaSettings()
    simulator: Annotated[SimulatorSettings, Field(description="The simulated network")] = SimulatorSettings()

    @model_validator(mode="after")
    def _one_namespace(self) -> Self:
        if self.namespace:
            kafka = self.kafka.model_copy(update={"namespace": self.namespace})
            database = self.database.model_copy(update={"namespace": self.namespace})
            self.__dict__.update(kafka=kafka, database=database)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the TOML file."""
        file = os.environ.get(CONFIG_VARIABLE) or (DEFAULT_FILE if Path(DEFAULT_FILE).is_file() else None)
        if file is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(file))


def load(**overrides: Any) -> Settings:
    """The settings of this process. SettingsFileError says which setting is wrong, why, and how to name it."""
    file = os.environ.get(CONFIG_VARIABLE)
    if file and not Path(file).is_file():
        raise SettingsFileError(f"{CONFIG_VARIABLE} names {file}, which is not a file: correct it or unset it")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_line(item["loc"], item["msg"]) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsFileError("\n".join(lines)) from None
    except (SettingsError, ValueError) as error:
        raise SettingsFileError(f"the settings cannot be read: {error}") from None


def _line(location: tuple[int | str, ...], message: str) -> str:
    name = ".".join(str(part) for part in location)
    variable = "CHARGEWELL_" + "__".join(str(part) for part in location).upper()
    return f"setting {name}: {message} (in the TOML file, or as {variable} in the environment)"


def write(settings: Settings, path: Path) -> None:
    """Write `settings` whole as TOML, secrets included, readable by the owner only; for processes that we start."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = _plain(settings.model_dump(mode="python"))
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        tomli_w.dump(plain, file)
    fresh.replace(path)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, bool | int | float | str) else str(value)


def described(model: type[BaseModel] = Settings, prefix: str = "") -> list[tuple[str, str, str]]:
    """(name, default, description) of every setting, for the documentation and its test."""
    rows: list[tuple[str, str, str]] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            rows += described(inner, f"{prefix}{name}.")
        else:
            default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
            rows.append((prefix + name, default, field.description or ""))
    return rows


def _shown(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, Path) and value.is_relative_to(Path.home()):
        return str("~" / value.relative_to(Path.home()))
    return "(secret)" if isinstance(value, SecretStr) else str(value)


def table() -> str:
    """The settings as a Markdown table, as it stands in docs/settings.md."""
    rows = [f"| `{name}` | {default} | {text} |" for name, default, text in described()]
    return "\n".join(["| setting | default | what |", "| --- | --- | --- |", *rows]) + "\n"


if __name__ == "__main__":
    page = Path("docs/settings.md")
    head, _, _ = page.read_text("utf-8").partition("| setting |")
    page.write_text(head + table(), "utf-8")
