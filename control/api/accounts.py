"""Accounts and tokens by API, for admins."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path

from control import accounts
from control.accounts import AccountError
from control.api.errors import as_http, missing
from control.api.models import AccountIn, AccountOut, TokenIn, TokenMade, TokenOut
from control.context import Conn, Ctx, Who
from control.queries import rows

router = APIRouter(tags=["accounts"])

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]


@router.get("/v1/accounts")
def list_accounts(conn: Conn) -> list[AccountOut]:
    """All accounts."""
    return [AccountOut.model_validate(r) for r in rows(conn, "accounts")]


@router.put("/v1/accounts/{account}", status_code=204)
def put_account(conn: Conn, who: Who, account: Name, body: AccountIn) -> None:
    """Make an account, or give it a new password, roles and sites; its sessions end."""
    try:
        accounts.put_account(conn, account, body.password, body.roles, body.sites, who.actor)
    except AccountError as error:
        raise as_http(error) from None


@router.delete("/v1/accounts/{account}", status_code=204)
def close_account(conn: Conn, who: Who, account: Name) -> None:
    """Let an account in no more; what it did stays in the change log."""
    if who.actor == f"user:{account}":
        raise HTTPException(409, "nobody closes the own account: ask another admin")
    if not accounts.close_account(conn, account, who.actor):
        raise missing("open account of that name")


@router.get("/v1/tokens")
def list_tokens(conn: Conn) -> list[TokenOut]:
    """All tokens, without their secrets."""
    return [TokenOut.model_validate(r) for r in rows(conn, "tokens")]


@router.post("/v1/tokens", status_code=201)
def make_token(conn: Conn, who: Who, body: TokenIn) -> TokenMade:
    """Make a token; it is shown in this answer and never again."""
    try:
        token = accounts.make_token(conn, body.name, body.roles, body.sites, who.actor, body.expires_at)
    except AccountError as error:
        raise as_http(error) from None
    return TokenMade(token=token)


@router.delete("/v1/tokens/{token_id}", status_code=204)
def revoke_token(conn: Conn, ctx: Ctx, who: Who, token_id: str) -> None:
    """End a token at once."""
    if not accounts.revoke_token(conn, token_id, who.actor, ctx.clock()):
        raise missing("token in force with that id")
