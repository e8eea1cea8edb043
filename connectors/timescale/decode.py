"""Binary COPY out of PostgreSQL as NumPy rows; the other way is `encode`."""

from collections.abc import Iterable
from typing import Any

import numpy as np


def layout(columns: Iterable[tuple[str, str]]) -> np.dtype[Any]:
    """The rows of a query without NULLs: `columns` are names with big-endian types, times are int64 from `PG_EPOCH_US` on."""
    return np.dtype(
        [("fields", ">i2"), *(pair for name, kind in columns for pair in ((f"length_{name}", ">i4"), (name, kind)))]
    )
