"""How the database is reached, and what its schemas and roles are called."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

NAMESPACE_PATTERN: Final = r"[a-z][a-z0-9_]{0,39}"
DEFAULT_NAMESPACE: Final = "chargewell"


class DatabaseSettings(BaseModel):
    """How to reach the database and how to behave towards it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dsn: Annotated[str, Field(description="PostgreSQL connection string (URI or key=value), any edition")]
    namespace: Annotated[
        str,
        Field(
            pattern=rf"^{NAMESPACE_PATTERN}$", description="Schema of the tables; views are in pub or <namespace>_pub"
        ),
    ] = DEFAULT_NAMESPACE
    role: Annotated[
        str | None,
        Field(description="Role to take after connecting (SET ROLE), e.g. chargewell_flows; none: stay the login"),
    ] = None
    logins: Annotated[
        Mapping[Literal["flows", "control", "read"], SecretStr],
        Field(description="Passwords of logins that migrate makes, one a group role: <namespace>_flows_login, ..."),
    ] = {}
    statement_timeout_s: Annotated[
        float, Field(ge=0, description="The server ends a statement that takes longer; 0 = never")
    ] = 60.0
    lock_timeout_s: Annotated[float, Field(ge=0, description="Longest wait for a lock; 0 = for ever")] = 30.0
    connect_timeout_s: Annotated[float, Field(gt=0, description="Longest wait for a connection")] = 10.0
    pool_min: Annotated[int, Field(ge=0, description="Connections kept open in a pool")] = 1
    pool_max: Annotated[int, Field(ge=1, description="Most connections of a pool")] = 8


@dataclass(frozen=True, slots=True)
class Names:
    """The names that follow from a namespace: schemas and group roles."""

    namespace: str = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        if re.fullmatch(NAMESPACE_PATTERN, self.namespace) is None:
            raise ValueError(
                f"namespace {self.namespace!r}: give a lower-case letter followed by up to 39 letters, digits or _"
            )

    @property
    def schema(self) -> str:
        """Schema of the tables; they are free to change."""
        return self.namespace

    @property
    def pub(self) -> str:
        """Schema of the views that people, Grafana and notebooks read."""
        return "pub" if self.namespace == DEFAULT_NAMESPACE else f"{self.namespace}_pub"

    @property
    def search_path(self) -> str:
        """Tables first, then `public`, where extensions live."""
        return f'"{self.schema}", public'

    def group(self, kind: Literal["flows", "control", "read"]) -> str:
        """The group role of that kind."""
        return f"{self.namespace}_{kind}"

    def login(self, kind: Literal["flows", "control", "read"]) -> str:
        """The login that `migrate` makes as a member of that group, where it was given a password."""
        return f"{self.namespace}_{kind}_login"

    @property
    def flows(self) -> str:
        """Group role of the flows: writes telemetry and what is derived from it."""
        return self.group("flows")

    @property
    def control(self) -> str:
        """Group role of control: reads everything, writes everything but telemetry."""
        return self.group("control")

    @property
    def read(self) -> str:
        """Group role of readers: the views and nothing else."""
        return self.group("read")
