"""Outgoing webhooks: signed after Standard Webhooks, posted to addresses that were checked, never to internal ones.

The receiver's name is resolved once, every address it has must be public (or in a network allowed on purpose), and the
connection goes to one of the addresses that were checked: a name that changes its answer between check and use gains nothing.
Redirects are not followed and the environment's proxies are not used.
"""

import asyncio
import random
import socket
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

import httpx
import orjson
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job
from standardwebhooks import Webhook

from control.settings import WebhookSettings

Network = IPv4Network | IPv6Network
TIMEOUT_S: Final = 20.0
PAUSES_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Pauses between attempts, as Standard Webhooks suggests; a fifth is added or taken away by chance."""
_NAT64: Final = IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
"""The only IPv6 space given out for the public internet; beyond it lie site-local and translated forms that `is_global` passes."""
_LONGEST_WAIT_S: Final = 86_400


class BlockedAddressError(ValueError):
    """The receiver's address is internal, or not to be had."""


class WebhookError(RuntimeError):
    """The receiver did not take the message; `retry_after_s` is what it asked for."""

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class WebhookGoneError(WebhookError):
    """The receiver says it wants nothing more (410)."""


def checked(host: str, addresses: Sequence[str], allowed: Sequence[Network]) -> list[str]:
    """`addresses` of `host` if every one of them may be reached; BlockedAddressError if one may not, or there is none."""
    for text in addresses:
        if not _public(ip_address(text)) and not _in(text, allowed):
            raise BlockedAddressError(
                f"{host} has the internal address {text}: webhooks do not reach internal addresses. If it is meant, "
                "add its network to control.webhook_networks"
            )
    if not addresses:
        raise BlockedAddressError(f"{host} has no address")
    return list(addresses)


def _in(text: str, networks: Sequence[Network]) -> bool:
    address = ip_address(text)
    return any(address in network for network in networks if network.version == address.version)


def _public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is on the public internet, looking through IPv6 forms that carry an IPv4 address."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of `host`; none if the name is not known."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return []
    return sorted({str(info[4][0]).partition("%")[0] for info in found})


async def post(
    hook: WebhookSettings,
    message_id: str,
    body: dict[str, Any],
    allowed: Sequence[Network] = (),
    *,
    now: datetime | None = None,
) -> None:
    """Post one message, signed. WebhookError if it was not taken, BlockedAddressError if it may not go there."""
    url = httpx.URL(str(hook.url))
    addresses = checked(url.host, await resolve(url.host, _port(url)), allowed)
    if url.scheme != "https" and not all(_in(address, allowed) for address in addresses):
        raise BlockedAddressError(f"{hook.name}: {url.scheme} is for networks of control.webhook_networks; use https")
    raw = orjson.dumps(body)
    at = now or datetime.now(UTC)
    headers = {
        "host": url.netloc.decode("ascii"),
        "content-type": "application/json",
        "user-agent": "chargewell",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(hook.secret.get_secret_value()).sign(message_id, at, raw.decode()),
    }
    extensions = {"sni_hostname": url.host}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, follow_redirects=False) as client:
            target = url.copy_with(host=addresses[0])
            async with client.stream("POST", target, content=raw, headers=headers, extensions=extensions) as answer:
                _judge(hook, answer)
    except httpx.HTTPError as error:
        raise WebhookError(f"{hook.name}: {error.__class__.__name__}: {error}") from error


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _judge(hook: WebhookSettings, answer: httpx.Response) -> None:
    if answer.is_success:
        return
    text = f"{hook.name} answered {answer.status_code}"
    if answer.status_code == httpx.codes.GONE:
        raise WebhookGoneError(f"{text}: it wants nothing more; take it out of control.webhooks")
    said = answer.headers.get("retry-after", "")
    raise WebhookError(text, float(said) if said.isdigit() else None)


class Patience(BaseRetryStrategy):
    """Tries again after the pauses of Standard Webhooks, or when the receiver asked; never after 410 or to a blocked address."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When to try again; None: not at all."""
        if isinstance(exception, WebhookGoneError | BlockedAddressError) or job.attempts >= len(PAUSES_S):
            return None
        pause = PAUSES_S[job.attempts] * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        asked = getattr(exception, "retry_after_s", None)
        wait = min(max(pause, asked or 0.0), _LONGEST_WAIT_S)
        return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=wait))
