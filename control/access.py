"""Who may what: the one list of all endpoints, and the guard that holds every request against it.

An endpoint that is not in the list cannot be reached; an application with such an endpoint does not start.
"""

import hmac
from collections.abc import Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from control.accounts import Person, person_of_account, person_of_token, person_of_token_id
from control.context import Context, address, context
from schemas.work import Role

ANYBODY_SIGNED_IN: Final = frozenset(Role)
_SEES: Final = frozenset({Role.VIEWER, Role.OPERATOR, Role.CREW, Role.BILLING})
_WORKS: Final = frozenset({Role.OPERATOR, Role.CREW})
_DESK: Final = frozenset({Role.OPERATOR})
_MONEY: Final = frozenset({Role.BILLING})
_ADMIN: Final = frozenset({Role.ADMIN})

PUBLIC: Final[frozenset[str]] = frozenset({
    "GET /",
    "GET /health",
    "GET /static/{name}",
    "GET /login",
    "POST /login",
    "GET /status",
    "GET /status/{site}",
    "GET /p/{station}/{number}",
    "POST /p/{station}/{number}/report",
})  # fmt: skip
"""Open to anybody on purpose, and limited in rate."""

ROLES: Final[dict[str, frozenset[Role]]] = {
    "POST /logout": ANYBODY_SIGNED_IN,
    "GET /account": ANYBODY_SIGNED_IN,
    "POST /account/password": ANYBODY_SIGNED_IN,
    "GET /incidents": _SEES,
    "GET /incidents/{incident_id}": _SEES,
    "POST /incidents/{incident_id}/order": _DESK,
    "POST /incidents/{incident_id}/close": _DESK,
    "GET /orders": _SEES,
    "GET /orders/{number}": _SEES,
    "POST /orders/{number}/step": _WORKS,
    "POST /orders/{number}/note": _WORKS,
    "GET /credits": _MONEY | _DESK,
    "POST /credits/{credit_id}": _MONEY,
    "GET /ports": _SEES,
    "GET /ports/{station}/{number}": _SEES,
    "GET /qr/{station}/{number}.svg": _SEES,
    "GET /v1/openapi.json": ANYBODY_SIGNED_IN,
    "GET /v1/me": ANYBODY_SIGNED_IN,
    "GET /v1/health": _SEES,
    "GET /v1/metrics": _SEES,
    "GET /v1/incidents": _SEES,
    "GET /v1/incidents/{incident_id}": _SEES,
    "POST /v1/incidents/{incident_id}/work_order": _DESK,
    "POST /v1/incidents/{incident_id}/close": _DESK,
    "GET /v1/work_orders": _SEES,
    "GET /v1/work_orders/{number}": _SEES,
    "POST /v1/work_orders/{number}/steps": _WORKS,
    "POST /v1/work_orders/{number}/notes": _WORKS,
    "GET /v1/credits": _MONEY | _DESK,
    "GET /v1/credits/{credit_id}": _MONEY | _DESK,
    "POST /v1/credits/{credit_id}/approve": _MONEY,
    "POST /v1/credits/{credit_id}/reject": _MONEY,
    "POST /v1/credits/{credit_id}/settled": _MONEY,
    "GET /v1/ports": _SEES,
    "GET /v1/ports/{station}/{number}": _SEES,
    "GET /v1/changes/{kind}/{subject}": _DESK,
    "GET /v1/rejects": _ADMIN,
    "GET /v1/accounts": _ADMIN,
    "PUT /v1/accounts/{account}": _ADMIN,
    "DELETE /v1/accounts/{account}": _ADMIN,
    "GET /v1/tokens": _ADMIN,
    "POST /v1/tokens": _ADMIN,
    "DELETE /v1/tokens/{token_id}": _ADMIN,
}
"""Who may call what; an admin may all. What a person sees there is limited to its sites besides."""

_WHOLE_NETWORK: Final = frozenset({"GET /v1/health", "GET /v1/metrics"})
"""Figures of all sites together: not for people who see only some."""

_UNLIMITED: Final = frozenset({"GET /static/{name}"})
_READING: Final = frozenset({"GET", "HEAD"})


def endpoints(routes: Iterable[Any]) -> Iterator[str]:
    """Every endpoint of an application or router as "METHOD /path"; TypeError for a route of a kind that the guard does not see."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield from (f"{method} {route.path}" for method in sorted(route.methods or ()))
        elif hasattr(route, "original_router"):
            yield from endpoints(route.original_router.routes)
        else:
            raise TypeError(f"{route!r} is no API route: the guard would not see it. Write it as an endpoint")


def check(app: FastAPI) -> None:
    """LookupError unless the list above and the endpoints of `app` are the same."""
    found, listed = set(endpoints(app.routes)), PUBLIC | set(ROLES)
    if found != listed:
        raise LookupError(
            f"control/access.py and the application differ: not in the list {sorted(found - listed)}, not in the application {sorted(listed - found)}"
        )


async def guard(request: Request) -> None:
    """Stops every request that may not be: too many, not signed in, without the role, or forged from another site."""
    key = f"{request.method} {request.scope['route'].path}"
    ctx = context(request)
    request.state.person = await run_in_threadpool(_identify, request, ctx)
    if key in PUBLIC:
        _limit(request, ctx, key)
        return
    who: Person | None = request.state.person
    if who is None:
        raise _unknown(request)
    if key not in ROLES or not who.may(*ROLES[key]):
        raise HTTPException(403, f"this needs one of the roles {', '.join(sorted(ROLES.get(key, _ADMIN)))}")
    if ROLES[key] == _ADMIN and who.sites is not None:
        raise HTTPException(403, "this needs an admin of all sites")
    if key in _WHOLE_NETWORK and who.sites is not None:
        raise HTTPException(403, "this is about the whole network: it needs somebody who sees all sites")
    if request.method not in _READING and not _bearer(request):
        await check_form(request)


def _limit(request: Request, ctx: Context, key: str) -> None:
    if key not in _UNLIMITED and not ctx.limiter.allows(ctx.settings.public_rate, "public", address(request)):
        raise too_many()


def too_many() -> HTTPException:
    """The answer to a request too many."""
    return HTTPException(429, "too many requests: wait a minute", {"retry-after": "60"})


def _unknown(request: Request) -> HTTPException:
    if request.url.path.startswith("/v1/") or request.method != "GET":
        return HTTPException(401, "sign in, or send a token: Authorization: Bearer ...", {"www-authenticate": "Bearer"})
    return HTTPException(303, "sign in first", {"location": f"/login?next={quote(request.url.path, safe='/')}"})


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _identify(request: Request, ctx: Context) -> Person | None:
    token, session = _bearer(request), request.session
    if token is None and not session:
        return None
    with ctx.pool.connection() as conn:
        if token is not None:
            return person_of_token(conn, token, ctx.clock())
        if "token" in session:
            return person_of_token_id(conn, str(session["token"]), ctx.clock())
        if "account" in session:
            return person_of_account(conn, str(session["account"]), int(session.get("epoch", 0)))
    return None


async def check_form(request: Request) -> None:
    """403 unless the request carries the secret of its own session: in the field `csrf` of a form or the header x-csrf-token."""
    said = request.headers.get("x-csrf-token")
    if said is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        said = str((await request.form()).get("csrf", ""))
    known = str(request.session.get("csrf", ""))
    if not known or not hmac.compare_digest((said or "").encode(), known.encode()):
        raise HTTPException(403, "the form is too old or was not sent from this site: load the page again")
