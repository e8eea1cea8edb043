"""Templates, and how times, amounts and states are written on pages."""

import re
import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_currency, format_percent
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from control.accounts import Person
from control.context import Context
from control.pages.static import versioned
from control.queries import Connection, one
from control.rules.remedies import REMEDIES
from control.rules.words import channel_title, duration, place, unit_title
from schemas.faults import catalogue
from schemas.money import Money
from schemas.work import ACTIVITIES, CAUSES, MECHANISMS, STATE_TITLES, OrderState, Role


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("control", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "static": versioned,
        "families": catalogue(),
        "mechanisms": MECHANISMS,
        "causes": CAUSES,
        "activities": ACTIVITIES,
        "Role": Role,
        "OrderState": OrderState,
    }
    made.filters |= {
        "place": place,
        "duration": duration,
        "channel": channel_title,
        "order_state": lambda state: STATE_TITLES[OrderState(state)],
        "family": lambda name: catalogue()[name].title if name in catalogue() else name,
        "family_short": family_short,
        "port_path": port_path,
        "actor": actor_name,
        "remedy": lambda name: REMEDIES[name].title if name in REMEDIES else name.replace("_", " "),
        "quantity": quantity,
        "lines": lambda text: text.splitlines(),
    }
    return made


def port_path(port: str) -> str:
    """A port id as part of an address: each part quoted, the slash between them kept."""
    station, _, number = port.rpartition("/")
    return f"{quote(station, safe='')}/{number}"


def family_short(name: str) -> str:
    """A fault family for lists: the title up to its colon, where that says enough."""
    title = catalogue()[name].title if name in catalogue() else name
    head = title.partition(":")[0]
    return head if len(head) > 12 else title


def quantity(value: float, unit: str) -> str:
    """A measured value with its unit, in the size that people use: 121.1 kW, 78.2 °C, 1450 rpm."""
    if unit in ("W", "Wh"):
        return f"{value / 1000:,.2f} k{unit}"
    return f"{value:,.1f} {unit_title(unit)}"


def actor_name(actor: str) -> str:
    """Who did it, for people: the name of an account or token; Chargewell itself for its rules."""
    kind, _, name = actor.partition(":")
    if kind in ("user", "token"):
        return name
    return {"rule": "Chargewell", "alert": f"detector: {name}", "public": "a driver"}.get(kind, actor)


class Clock:
    """How moments are written on one page: in one zone and locale, and how long ago."""

    def __init__(self, now: datetime, zone: str, locale: str) -> None:
        self.now, self.zone, self.locale = now, ZoneInfo(zone), Locale.parse(locale)

    def __call__(self, at: datetime | None) -> str:
        """A moment, short: the day only if it is not today."""
        if at is None:
            return "-"
        today = at.astimezone(self.zone).date() == self.now.astimezone(self.zone).date()
        form = "HH:mm" if today else "d MMM HH:mm"
        return str(format_datetime(at, form, tzinfo=self.zone, locale=self.locale))

    def full(self, at: datetime) -> str:
        """A moment in full, with its zone."""
        return str(format_datetime(at, "d MMM yyyy HH:mm:ss z", tzinfo=self.zone, locale=self.locale))

    def tag(self, at: datetime | None) -> Markup:
        """A `time` element: short, in full when pointed at."""
        if at is None:
            return Markup("-")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), self.full(at), self(at))

    def ago(self, at: datetime | None) -> str:
        """How long ago: "12 min ago", "just now"."""
        if at is None:
            return "never"
        span = self.now - at
        return "just now" if span < timedelta(seconds=45) else f"{duration(span)} ago"

    def until(self, at: datetime | None) -> str:
        """How much time is left, or by how much it is late."""
        if at is None:
            return "at the next visit"
        return f"in {duration(at - self.now)}" if at > self.now else f"{duration(self.now - at)} late"

    def late(self, at: datetime | None) -> bool:
        """Whether a deadline has passed."""
        return at is not None and at <= self.now

    def money(self, minor: int, currency: str) -> str:
        """An amount as people of the locale write it; letters before it stand apart: NOK 4.37, €4.37."""
        text = str(format_currency(Money(minor, currency).major, currency, locale=self.locale, currency_digits=False))
        return re.sub(r"(?<=[^\W\d_])(?=\d)", "\N{NO-BREAK SPACE}", text, count=1)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """A share as percent; "-" where it is not known."""
        if share is None:
            return "-"
        form = "#,##0." + "0" * digits + " %" if digits else "#,##0 %"
        return str(format_percent(share, form, locale=self.locale))


def page(
    request: Request,
    ctx: Context,
    template: str,
    *,
    conn: Connection | None = None,
    status: int = 200,
    zone: str | None = None,
    **data: Any,
) -> HTMLResponse:
    """A page. With `conn` and somebody signed in, its head shows what is open."""
    who: Person | None = getattr(request.state, "person", None)
    counts = one(conn, "counts", sites=who.site_list) if conn is not None and who is not None else None
    clock = Clock(ctx.clock(), zone or ctx.settings.time_zone, ctx.settings.locale)
    flash = request.session.pop("flash", None) if "session" in request.scope else None
    text = (
        _environment()
        .get_template(template)
        .render(
            network=ctx.settings.network_name,
            who=who,
            counts=counts,
            csrf=csrf(request),
            flash=flash,
            at=clock,
            here=request.url.path,
            **data,
        )
    )
    return HTMLResponse(text, status)


def csrf(request: Request) -> str:
    """The secret of the session that its forms carry; made when a form is first shown."""
    if "session" not in request.scope:
        return ""
    return str(request.session.setdefault("csrf", secrets.token_urlsafe(24)))


def flash(request: Request, text: str, *, bad: bool = False) -> None:
    """Something to say on the next page."""
    request.session["flash"] = {"text": text, "bad": bad}
