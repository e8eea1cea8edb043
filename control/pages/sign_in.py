"""Signing in and out, and the own password."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from control import accounts
from control.access import check_form, too_many
from control.accounts import AccountError, Person
from control.context import Conn, Ctx, Who, address
from control.pages.render import flash, page

router = APIRouter(include_in_schema=False)

Short = Annotated[str, Form(max_length=200)]


@router.get("/")
def root(request: Request) -> RedirectResponse:
    """Where people start: the incidents if they are signed in, the status page else."""
    return RedirectResponse("/incidents" if request.state.person else "/status", 303)


@router.get("/login")
def login_form(request: Request, ctx: Ctx, next: str = "/") -> Response:
    """The form."""
    return page(request, ctx, "login.html", next=_inside(next), problem=None, account="")


@router.post("/login")
async def login(
    request: Request, ctx: Ctx, account: Short = "", password: Short = "", token: Short = "", next: Short = "/"
) -> Response:
    """Sign in with an account and its password, or with a token; attempts are limited by address and by account."""
    await check_form(request)
    return await _login(request, ctx, account.strip().lower(), password, token.strip(), _inside(next))


async def _login(request: Request, ctx: Ctx, account: str, password: str, token: str, next: str) -> Response:
    from starlette.concurrency import run_in_threadpool

    rate = ctx.settings.login_rate
    if not ctx.limiter.allows(rate, "login", address(request)) or (
        account and not ctx.limiter.allows(rate, "account", account)
    ):
        raise too_many()
    who = await run_in_threadpool(_check, ctx, account, password, token)
    if who is None:
        problem = "This token is not in force." if token else "Account and password do not fit."
        return page(request, ctx, "login.html", status=401, next=next, problem=problem, account=account)
    request.session.clear()
    request.session.update({"token": who.token_id} if who.token_id else {"account": who.name, "epoch": who.epoch})
    return RedirectResponse(next, 303)


def _check(ctx: Ctx, account: str, password: str, token: str) -> Person | None:
    with ctx.pool.connection() as conn:
        if token:
            return accounts.person_of_token(conn, token, ctx.clock())
        return accounts.sign_in(conn, account, password)


def _inside(path: str) -> str:
    """`path` if it leads to a page of ours, else the start."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path else "/"


@router.post("/logout")
def logout(request: Request, conn: Conn, who: Who, everywhere: Short = "") -> RedirectResponse:
    """Sign out: this browser, or with `everywhere` all sessions of the account, those of copied cookies included."""
    if everywhere and who.token_id is None:
        accounts.end_sessions(conn, who.name, who.actor)
    request.session.clear()
    return RedirectResponse("/login", 303)


@router.get("/account")
def account(request: Request, ctx: Ctx, conn: Conn) -> Response:
    """Who one is, and the own password."""
    return page(request, ctx, "account.html", conn=conn, shortest=accounts.SHORTEST_PASSWORD)


@router.post("/account/password")
def password(request: Request, ctx: Ctx, conn: Conn, who: Who, old: Short, new: Short) -> RedirectResponse:
    """A new password; other sessions of the account end."""
    if who.token_id is not None:
        raise HTTPException(409, "a token has no password")
    if not ctx.limiter.allows(ctx.settings.login_rate, "account", who.name):
        raise too_many()
    if accounts.sign_in(conn, who.name, old) is None:
        flash(request, "The old password does not fit.", bad=True)
        return RedirectResponse("/account", 303)
    try:
        request.session["epoch"] = accounts.change_password(conn, who.name, new, who.actor)
    except AccountError as error:
        flash(request, f"Not changed: {error}.", bad=True)
    else:
        flash(request, "Your password is changed; you are signed out everywhere else.")
    return RedirectResponse("/account", 303)
