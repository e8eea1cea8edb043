"""From what goes wrong in control to an HTTP status: one table for the API and the pages."""

from typing import Final

from fastapi import HTTPException

from control.accounts import AccountError
from control.credits import CreditError
from control.desk import NotAllowedError
from control.queries import NotThereError
from control.work_orders import OrderError

STATUS: Final[dict[type[Exception], int]] = {
    NotThereError: 404,
    NotAllowedError: 403,
    OrderError: 409,
    CreditError: 409,
    AccountError: 422,
}


def as_http(error: Exception) -> HTTPException:
    """The HTTP error that says what `error` says."""
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    return HTTPException(status, str(error.args[0]) if error.args else type(error).__name__)


def missing(what: str) -> HTTPException:
    """404: it is not there, or not for the eyes of the asking person."""
    return HTTPException(404, f"there is no {what} that you may see")
