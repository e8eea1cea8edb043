"""Where Grafana is and which database it reads."""

from typing import Annotated, Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr


class GrafanaSettings(BaseModel):
    """Where Grafana is, who we are there, and the database that it reads under the read-only role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Annotated[AnyHttpUrl, Field(description="Address of Grafana")] = AnyHttpUrl("http://127.0.0.1:3000")
    token: Annotated[SecretStr | None, Field(description="Token of a service account with the role Admin")] = None
    user: Annotated[str | None, Field(description="Login, where there is no token")] = None
    password: Annotated[SecretStr | None, Field(description="Password of the login")] = None
    timeout_s: Annotated[float, Field(gt=0, description="Longest wait for an answer")] = 30.0
    source_host: Annotated[
        str | None,
        Field(description="Database as Grafana reaches it, host:port; unset: the data source is not touched"),
    ] = None
    source_database: Annotated[str, Field(description="Name of the database")] = "chargewell"
    source_user: Annotated[str, Field(description="Login that is a member of the role <namespace>_read")] = "grafana"
    source_password: Annotated[
        SecretStr | None, Field(description="Its password; sent only while Grafana has none")
    ] = None
    source_tls: Annotated[
        Literal["disable", "require", "verify-ca", "verify-full"],
        Field(description="TLS between Grafana and the database"),
    ] = "disable"
    source_timescaledb: Annotated[bool, Field(description="The database is TimescaleDB")] = False
