"""What surrounds every request: a bound on its size, headers on every answer."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from control.metrics import REQUESTS

HEADERS: Final[dict[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_SECURE_ONLY: Final = {"strict-transport-security": "max-age=31536000"}


class SecurityHeaders:
    """Adds the headers to every answer, and `no-store` to what is not said to be cacheable."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = HEADERS | (_SECURE_ONLY if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                REQUESTS.labels(f"{message['status'] // 100}xx").inc()
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _TooLargeError(Exception):
    """The body grew beyond the limit while it was read."""


class BodyLimit:
    """Refuses bodies beyond `limit` bytes: by their declared length at once, else as soon as they grow too large."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdigit() or int(declared) > self._limit:
            await self._refuse(scope, receive, send)
            return
        read, too_large = 0, False

        async def bounded() -> Message:
            nonlocal read, too_large
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                too_large = True
                raise _TooLargeError(f"the request is larger than {self._limit} bytes")
            return message

        async def told(message: Message) -> None:
            if too_large and message["type"] == "http.response.start":
                message = {**message, "status": 413}  # whatever the application made of the broken body
            await send(message)

        await self._app(scope, bounded, told)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = f"the request is larger than {self._limit} bytes"
        await PlainTextResponse(text, 413, {"connection": "close"})(scope, receive, send)
