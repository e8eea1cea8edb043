"""The application: endpoints behind the guard, sessions, headers, errors as JSON or as a page."""

import http
import json
from typing import Any, Final

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from psycopg import DataError, OperationalError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware

from control import access
from control.api import accounts as api_accounts
from control.api import credits as api_credits
from control.api import incidents as api_incidents
from control.api import ports as api_ports
from control.api import system as api_system
from control.api import work_orders as api_work_orders
from control.context import Context
from control.pages import credits, incidents, orders, ports, public, sign_in, static
from control.pages.render import page
from control.queries import NotThereError
from control.security import BodyLimit, SecurityHeaders

log = structlog.get_logger(__name__)

COOKIE: Final = "chargewell"
_TITLES: Final[dict[int, str]] = {
    401: "Signed out", 403: "Not allowed", 404: "Not found", 409: "Not possible now", 422: "That does not fit",
    429: "Too many requests", 503: "Away for a moment",
}  # fmt: skip
_NOWHERE: Final = "nothing is at this address"
ROUTERS: Final[tuple[APIRouter, ...]] = (
    api_system.router,
    api_incidents.router,
    api_work_orders.router,
    api_credits.router,
    api_ports.router,
    api_accounts.router,
    static.router,
    sign_in.router,
    incidents.router,
    orders.router,
    credits.router,
    ports.router,
    public.router,
)


def create_app(context: Context, session_secret: str) -> FastAPI:
    """The application over `context`. LookupError if an endpoint is not in the list of control/access.py."""
    settings = context.settings
    app = FastAPI(
        title=f"{settings.network_name}: control",
        version="1",
        docs_url=None,  # its page would load a script from elsewhere
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(access.guard)],
    )
    app.state.context = context
    for router in ROUTERS:
        app.include_router(router)
    access.check(app)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OperationalError, _away)
    app.add_exception_handler(PoolTimeout, _away)
    app.add_exception_handler(NotThereError, _not_there)
    app.add_exception_handler(DataError, _unfit)
    app.add_exception_handler(UnicodeEncodeError, _unfit)
    app.add_middleware(
        SessionMiddleware,
        secret_key=session_secret,
        session_cookie=COOKIE,
        max_age=round(settings.session_hours * 3600),
        same_site="lax",
        https_only=settings.secure,
    )
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(SecurityHeaders, secure=settings.secure)
    return app


def _for_people(request: Request) -> bool:
    return not request.url.path.startswith(("/v1/", "/health")) and "text/html" in request.headers.get("accept", "")


def _say(request: Request, status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    if not _for_people(request):
        return JSONResponse({"detail": text}, status, headers)
    title = _TITLES.get(status) or http.HTTPStatus(status).phrase.capitalize()
    sentence = f"{text[:1].upper()}{text[1:].removesuffix('.')}."
    answer = page(
        request,
        request.app.state.context,
        "error.html",
        status=status,
        title=title,
        text=sentence,
        sign_in=status == 401,
    )
    answer.headers.update(headers or {})
    return answer


async def _http_error(request: Request, error: Any) -> Response:
    if error.status_code == 303:
        return RedirectResponse(error.headers["location"], 303)
    if not _for_people(request):
        return await http_exception_handler(request, error)
    text = str(error.detail)
    if error.status_code == 401:
        text = "you are signed out: sign in, go back and send it again"
    elif text == http.HTTPStatus.NOT_FOUND.phrase:
        text = _NOWHERE
    return _say(request, error.status_code, text, error.headers)


async def _invalid(request: Request, error: Any) -> Response:
    """What does not fit and where, without what was sent: that may be a password, or no Unicode."""
    if not _for_people(request):
        detail = [{name: problem[name] for name in ("type", "loc", "msg")} for problem in error.errors()]
        return Response(json.dumps({"detail": detail}), 422, media_type="application/json")
    first = error.errors()[0]
    if first["loc"][0] == "path":
        return _say(request, 404, _NOWHERE)
    return _say(request, 422, f"{first['loc'][-1]}: {first['msg']}")


async def _away(request: Request, error: Exception) -> Response:
    log.warning("the database is away", error=str(error))
    return _say(request, 503, "the database does not answer: try again in a moment", {"retry-after": "5"})


async def _not_there(request: Request, error: Exception) -> Response:
    return _say(request, 404, str(error.args[0]) if error.args else "it is not there")


async def _unfit(request: Request, error: Exception) -> Response:
    log.warning("a request held something that cannot be stored", path=request.url.path, error=str(error))
    return _say(request, 422, "the request holds something that cannot be stored, such as a NUL character")
