"""Side effects as jobs: deferred in the transaction that decides them, carried out by a worker after it was committed.

`defer` writes the job on the caller's own connection, so the job exists exactly if the decision does. A job may be carried
out more than once (its worker died after the effect): every task takes an id, looks at the row and is harmless then.
"""

from datetime import datetime
from typing import Any, Final, Literal

from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException

from control.queries import Connection

Task = Literal["send_command", "judge_remedy", "settle_credit", "post_webhook"]
QUEUE: Final = "control"

_writer: Final = App(connector=SyncPsycopgConnector())  # never opened: it writes on the connections it is handed


def defer(conn: Connection, task: Task, *, at: datetime | None = None, **arguments: Any) -> None:
    """Have `task` done with `arguments` (JSON) once the transaction of `conn` is committed, not before `at`."""
    job = _writer.configure_task(f"control.{task}", queue=QUEUE, schedule_at=at, connection=conn)
    try:
        job.defer(**arguments)
    except ConnectorException as error:
        raise error.__cause__ or error from None
