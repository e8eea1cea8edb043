"""Messages to the outside: what happened, told to every receiver that asked for it, as jobs."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from control.jobs import defer
from control.queries import Connection
from control.settings import EVENTS, ControlSettings


def tell(conn: Connection, settings: ControlSettings, event: str, at: datetime, **data: Any) -> None:
    """Defer a message of type `event` to each receiver, with the transaction. `data` is JSON; keep it small."""
    if event not in EVENTS:
        raise ValueError(f"{event!r} is no message: add it to EVENTS of control/settings.py")
    for hook in settings.webhooks:
        if hook.wants(event):
            body = {"type": event, "timestamp": at.isoformat(), "data": data}
            defer(conn, "post_webhook", hook=hook.name, message_id=f"msg_{uuid4().hex}", body=body)
