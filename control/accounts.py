"""Accounts and tokens: passwords rest as argon2 hashes, tokens as SHA-256 of their 256 random bits."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from connectors.timescale.pool import advisory_key
from control.change_log import record
from control.queries import Connection, one, row, rows, run
from schemas.work import Role

_HASHER: Final = PasswordHasher()
_PREFIX: Final = "cw"
SHORTEST_PASSWORD: Final = 12


class AccountError(ValueError):
    """An account or token that cannot be made so; the message says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: an account or a token, its roles, and the sites it may see (None: all).

    `epoch` and `token_id` are what a session remembers to notice that it was ended.
    """

    actor: str
    name: str
    roles: frozenset[Role]
    sites: tuple[str, ...] | None
    epoch: int = 0
    token_id: str | None = None

    def may(self, *roles: Role) -> bool:
        """Whether it has one of `roles`; an admin may all."""
        return Role.ADMIN in self.roles or not self.roles.isdisjoint(roles)

    @property
    def sees_credits(self) -> bool:
        """Whether it is told of drivers' money."""
        return self.may(Role.OPERATOR, Role.BILLING)

    @property
    def site_list(self) -> list[str] | None:
        """`sites` as a query parameter."""
        return None if self.sites is None else list(self.sites)


def _roles(names: Iterable[str]) -> frozenset[Role]:
    return frozenset(Role(name) for name in names)


def put_account(
    conn: Connection, account: str, password: str, roles: Collection[Role], sites: Collection[str] | None, actor: str
) -> None:
    """Make an account, or give a known one new roles, sites and password; its sessions end.

    AccountError for a password that is too short or long, without a role, and for sites that do not exist.
    """
    _strong(password)
    _allowed(conn, "an account", roles, sites)
    with conn.transaction():
        run(
            conn,
            "account_put",
            account=account,
            password_hash=_HASHER.hash(password),
            roles=sorted(roles),
            sites=None if sites is None else sorted(sites),
        )
        record(
            conn, actor, "put", "account", account, roles=sorted(roles), sites=None if sites is None else sorted(sites)
        )


def change_password(conn: Connection, account: str, password: str, actor: str) -> int:
    """Set a new password and end all sessions; the new epoch."""
    _strong(password)
    with conn.transaction():
        epoch = one(conn, "account_password", account=account, password_hash=_HASHER.hash(password))["epoch"]
        record(conn, actor, "password", "account", account)
    return int(epoch)


def end_sessions(conn: Connection, account: str, actor: str) -> None:
    """Void all sessions of an account; its password stays."""
    with conn.transaction():
        run(conn, "account_end_sessions", account=account)
        record(conn, actor, "end sessions", "account", account)


def close_account(conn: Connection, account: str, actor: str) -> bool:
    """Let an account in no more, and end its sessions; whether it was open."""
    with conn.transaction():
        closed = run(conn, "account_close", account=account) == 1
        if closed:
            record(conn, actor, "close", "account", account)
    return closed


def _allowed(conn: Connection, what: str, roles: Collection[Role], sites: Collection[str] | None) -> None:
    """A site that is misspelt, or no site at all, would be an account that sees nothing and does not say why."""
    if not roles:
        raise AccountError(f"{what} needs at least one role")
    if sites is not None and not sites:
        raise AccountError(
            f"{what} with an empty list of sites sees nothing: name its sites, or leave them out for all"
        )
    unknown = [] if sites is None else rows(conn, "sites_unknown", sites=sorted(sites))
    if unknown:
        names = ", ".join(found["site"] for found in unknown)
        raise AccountError(f"the registry has no site {names}: import it first, or mend the name")


def _strong(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= 200:
        raise AccountError(f"a password has {SHORTEST_PASSWORD} to 200 characters")


@cache
def _nobody() -> str:
    """A hash to compare with where there is no account, so that an unknown name takes as long as a wrong password."""
    return _HASHER.hash(secrets.token_hex())


def sign_in(conn: Connection, account: str, password: str) -> Person | None:
    """The person of an account and password; None if they do not fit. Takes tens of milliseconds on purpose."""
    found = row(conn, "account_of", account=account)
    try:
        _HASHER.verify(found["password_hash"] if found else _nobody(), password[:200])
    except (VerifyMismatchError, InvalidHashError):
        return None
    return person_of_account(conn, account) if found else None


def person_of_account(conn: Connection, account: str, epoch: int | None = None) -> Person | None:
    """The person of an account that is active and, if `epoch` is given, still in that epoch."""
    found = row(conn, "account_of", account=account)
    if found is None or not found["active"] or (epoch is not None and found["epoch"] != epoch):
        return None
    sites = None if found["sites"] is None else tuple(found["sites"])
    return Person(f"user:{account}", account, _roles(found["roles"]), sites, epoch=found["epoch"])


def make_token(
    conn: Connection,
    name: str,
    roles: Collection[Role],
    sites: Collection[str] | None,
    actor: str,
    expires_at: datetime | None = None,
) -> str:
    """A new token, in clear: this is the only time that it is. AccountError without a role or for sites that do not exist."""
    _allowed(conn, "a token", roles, sites)
    token_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with conn.transaction():
        run(
            conn,
            "token_add",
            token_id=token_id,
            name=name,
            hash=_digest(secret),
            roles=sorted(roles),
            sites=None if sites is None else sorted(sites),
            created_by=actor,
            expires_at=expires_at,
        )
        record(conn, actor, "make", "token", token_id, name=name, roles=sorted(roles))
    return f"{_PREFIX}_{token_id}_{secret}"


def revoke_token(conn: Connection, token_id: str, actor: str, now: datetime) -> bool:
    """End a token; whether it was in force."""
    with conn.transaction():
        revoked = run(conn, "token_revoke", token_id=token_id, now=now) == 1
        if revoked:
            record(conn, actor, "revoke", "token", token_id)
    return revoked


def person_of_token(conn: Connection, token: str, now: datetime) -> Person | None:
    """The person of a token in clear; None if it is none, expired or revoked."""
    parts = token.split("_", 2)
    if len(parts) != 3 or parts[0] != _PREFIX:
        return None
    found = row(conn, "token_of", token_id=parts[1], now=now)
    if found is None or not hmac.compare_digest(bytes(found["hash"]), _digest(parts[2])):
        return None
    return _token_person(found)


def person_of_token_id(conn: Connection, token_id: str, now: datetime) -> Person | None:
    """The person of a session that was opened with a token, while the token is in force."""
    found = row(conn, "token_of", token_id=token_id, now=now)
    return None if found is None else _token_person(found)


def _token_person(found: dict[str, object]) -> Person:
    sites: list[str] | None = found["sites"]  # type: ignore[assignment]
    roles: list[str] = found["roles"]  # type: ignore[assignment]
    token_id = str(found["token_id"])
    actor = f"token:{found['name']}"
    return Person(actor, str(found["name"]), _roles(roles), None if sites is None else tuple(sites), token_id=token_id)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def first_admin(conn: Connection) -> str | None:
    """A first admin token where nobody may enter yet, else None. Show it once: it is kept nowhere in clear."""
    with conn.transaction():
        run(conn, "first_admin_once", key=advisory_key("first admin"))
        if one(conn, "anybody")["known"]:
            return None
        return make_token(conn, "first admin", {Role.ADMIN}, None, "rule:first start")


def session_secret(conn: Connection, given: str | None) -> str:
    """The key that signs sessions: the given one, else a random one made at the first start and kept in the database."""
    if given:
        return given
    run(conn, "secret_put", name="session", value=secrets.token_bytes(32))
    return bytes(one(conn, "secret_of", name="session")["value"]).hex()
