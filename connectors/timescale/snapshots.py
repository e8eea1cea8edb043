"""Seed states of operators in the database: plain dicts and arrays as msgpack, never pickles.

A cache, never the truth: a flow without a recovery store starts from them, `--rebuild` makes them anew.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

from connectors.timescale.pool import Connection
from connectors.timescale.queries import query

_ARRAY: Final = 1


def encode(state: Mapping[str, Any]) -> bytes:
    """`state` as msgpack; arrays of numbers and booleans keep dtype and shape. TypeError for anything that is not plain data."""
    return msgspec.msgpack.encode(state, enc_hook=_array_out)


def decode(body: bytes) -> dict[str, Any]:
    """The inverse of `encode`; arrays are writable. msgspec.DecodeError or ValueError for bytes that it did not make."""
    state = msgspec.msgpack.decode(body, ext_hook=_array_in, strict=False)
    if not isinstance(state, dict):
        raise ValueError("an operator snapshot is a mapping; this is not one")
    return state


def save(conn: Connection, flow: str, shard: str, marked: Mapping[str, Any]) -> None:
    """Store what `models.operator.Marked.snapshot` gave, replacing what stood there."""
    conn.execute(
        query("save_snapshot"),
        {
            "flow": flow,
            "operator": marked["name"],
            "shard": shard,
            "at": datetime.fromtimestamp(marked["now"] / 1e6, UTC),
            "version": marked["version"],
            "origin": marked["origin"],
            "body": encode(marked),
        },
    )


def load(conn: Connection, flow: str, operator: str) -> dict[str, dict[str, Any]]:
    """The stored states of an operator in a flow, by shard."""
    rows: Iterable[tuple[str, bytes]] = conn.execute(query("load_snapshots"), {"flow": flow, "operator": operator})
    return {shard: decode(bytes(body)) for shard, body in rows}


def _array_out(value: object) -> object:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        header = f"{value.dtype.str};{','.join(map(str, value.shape))};".encode()
        return msgspec.msgpack.Ext(_ARRAY, header + np.ascontiguousarray(value).tobytes())
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a snapshot holds plain data and arrays of numbers, not {type(value).__name__}")


def _array_in(code: int, data: memoryview) -> object:
    if code != _ARRAY:
        raise ValueError(f"unknown part {code} in an operator snapshot")
    kind, shape, body = bytes(data).split(b";", 2)
    dtype = np.dtype(kind.decode())
    if dtype.kind not in "biuf":
        raise ValueError(f"an operator snapshot holds no arrays of {dtype}")
    return np.frombuffer(body, dtype).reshape([int(n) for n in shape.split(b",") if n]).copy()
