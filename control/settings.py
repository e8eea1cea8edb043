"""What configures control."""

from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Self

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

EVENTS = (
    "incident.opened", "incident.closed", "work_order.opened", "work_order.changed", "credit.proposed", "credit.approved",
)  # fmt: skip
"""What outgoing webhooks tell."""


class WebhookSettings(BaseModel):
    """One receiver of outgoing messages, signed after Standard Webhooks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$", description="Name in logs and jobs; keep it stable")]
    url: Annotated[AnyHttpUrl, Field(description="Where to post; https unless it is one of webhook_networks")]
    secret: Annotated[SecretStr, Field(description="whsec_ and base64 of 24 to 64 random bytes, one per receiver")]
    events: Annotated[tuple[str, ...], Field(min_length=1, description="Messages it gets; * = all")] = ("*",)

    @field_validator("events")
    @classmethod
    def _known(cls, events: tuple[str, ...]) -> tuple[str, ...]:
        for event in events:
            if event != "*" and event not in EVENTS:
                raise ValueError(f"{event!r} is no message: use * or some of {', '.join(EVENTS)}")
        return events

    def wants(self, event: str) -> bool:
        """Whether this receiver gets messages of that type."""
        return "*" in self.events or event in self.events


class ControlSettings(BaseModel):
    """The API and pages, what is tried remotely, what is credited, and who is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535, description="Port to listen on; 0 = any free one")] = 8090
    public_url: Annotated[
        AnyHttpUrl, Field(description="Address under which people reach the pages: QR codes, links, secure cookies")
    ] = AnyHttpUrl("http://127.0.0.1:8090")
    network_name: Annotated[str, Field(max_length=80, description="Name of the charging network on its pages")] = (
        "Chargewell"
    )
    locale: Annotated[str, Field(description="Locale of numbers and amounts on pages, e.g. en_GB, de_DE")] = "en_GB"
    time_zone: Annotated[str, Field(description="Time zone of pages that are not about one site")] = "UTC"
    session_secret: Annotated[
        SecretStr | None,
        Field(description="Signs page sessions; unset: made at the first start and kept in the database"),
    ] = None
    session_hours: Annotated[float, Field(gt=0, le=720, description="Hours after which a person signs in again")] = 12.0
    mqtt_user: Annotated[
        str | None, Field(description="Login under which commands are published; unset: that of mqtt.user")
    ] = None
    mqtt_password: Annotated[SecretStr | None, Field(description="Password of control.mqtt_user")] = None
    trusted_proxies: Annotated[tuple[str, ...], Field(description="Proxies whose X-Forwarded-For is believed")] = (
        "127.0.0.1",
    )
    max_body_bytes: Annotated[int, Field(ge=1_024, description="Largest request body")] = 65_536
    login_rate: Annotated[str, Field(description="Attempts to sign in, per address and per account")] = "10/minute"
    public_rate: Annotated[str, Field(description="Requests to public pages, per address")] = "120/minute"
    report_rate: Annotated[str, Field(description="Fault reports by drivers, per address")] = "5/minute"

    history_after_s: Annotated[
        float,
        Field(gt=0, description="An alert older than this on arrival is history: nothing is ordered, sent or credited"),
    ] = 3_600.0
    command_ttl_s: Annotated[float, Field(gt=0, description="A command that was not carried out by then never is")] = (
        600.0
    )
    verify_after_s: Annotated[
        float, Field(ge=0, description="Time for an accepted remedy to show; after it the next one is tried")
    ] = 300.0
    busy_retry_s: Annotated[
        float,
        Field(
            gt=0,
            description="While a session runs a reset waits and looks again; the first pause before a lost measure is tried again",
        ),
    ] = 30.0
    resets_per_day: Annotated[int, Field(ge=0, description="Resets a station gets in 24 hours at most")] = 2
    answers_every_s: Annotated[float, Field(gt=0, description="How often answers of stations are looked for")] = 1.0

    approve_up_to: Annotated[
        dict[str, Decimal],
        Field(description="Gross credit approved without a person, by currency, in major units; not listed = never"),
    ] = {"EUR": Decimal(10), "GBP": Decimal(10), "USD": Decimal(10), "CHF": Decimal(10)}
    goodwill_percent: Annotated[
        Decimal, Field(ge=0, le=100, description="Goodwill on top of the waived fee, in percent of what stays billed")
    ] = Decimal(0)

    webhooks: Annotated[tuple[WebhookSettings, ...], Field(description="Receivers of outgoing messages")] = ()
    webhook_networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...], Field(description="Internal networks that webhooks may reach on purpose")
    ] = ()

    @field_validator("webhooks")
    @classmethod
    def _names_differ(cls, hooks: tuple[WebhookSettings, ...]) -> tuple[WebhookSettings, ...]:
        names = [hook.name for hook in hooks]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two webhooks are called {name!r}: give each a name of its own")
        return hooks

    @model_validator(mode="after")
    def _login_whole(self) -> Self:
        if (self.mqtt_user is None) != (self.mqtt_password is None):
            raise ValueError("control.mqtt_user and control.mqtt_password go together: give both or neither")
        return self

    @property
    def history_after(self) -> timedelta:
        """`history_after_s` as a timedelta."""
        return timedelta(seconds=self.history_after_s)

    @property
    def command_ttl(self) -> timedelta:
        """`command_ttl_s` as a timedelta."""
        return timedelta(seconds=self.command_ttl_s)

    @property
    def secure(self) -> bool:
        """Whether people come by https, so cookies may be marked secure."""
        return self.public_url.scheme == "https"
