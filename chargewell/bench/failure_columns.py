"""The columns of the public failure data as histories."""

from typing import Any, Final

import numpy as np

from models.failure.history import History, Occurrences
from models.failure.windows import Ints

_SETTINGS: Final = 3
_DAY_H: Final = 24
_CHANNELS: Final = ("volt", "rotate", "pressure", "vibration")
_ERRORS: Final = tuple(f"error{i}" for i in range(1, 6))
_COMPONENTS: Final = tuple(f"component{i}" for i in range(1, 5))
_FACTS: Final = ("years", *(f"model{i}" for i in range(1, 5)))


def turbofans(units: list[Any]) -> History:
    """Units as arrays [cycles, settings + channels], cycles counted from 0."""
    rows = np.concatenate(units)
    lengths = [len(unit) for unit in units]
    return History(
        units=len(units),
        step=1,
        unit=np.repeat(np.arange(len(units), dtype=np.int64), lengths),
        at=np.concatenate([np.arange(n, dtype=np.int64) for n in lengths]),
        channels=rows[:, _SETTINGS:],
        channel_names=tuple(f"channel{i + 1}" for i in range(rows.shape[1] - _SETTINGS)),
        settings=rows[:, :_SETTINGS],
        setting_names=tuple(f"setting{i + 1}" for i in range(_SETTINGS)),
    )


def machines(streams: dict[str, Any]) -> History:
    """The machines of `streams` (tel, err, maint, meta), in hours; a step is a day."""
    numbers, meta = _numbers(streams), streams["meta"]
    meta = meta[np.argsort(meta[:, 0])]
    telemetry = streams["tel"][np.lexsort((streams["tel"][:, 1], streams["tel"][:, 0]))]
    models = meta[:, 1:2] == np.arange(1, len(_FACTS))
    return History(
        units=len(numbers),
        step=_DAY_H,
        unit=np.searchsorted(numbers, telemetry[:, 0]).astype(np.int64),
        at=telemetry[:, 1].astype(np.int64),
        channels=telemetry[:, 2:],
        channel_names=_CHANNELS,
        settings=np.empty((len(telemetry), 0)),
        errors=occurrences(streams, "err"),
        error_names=_ERRORS,
        repairs=occurrences(streams, "maint"),
        component_names=_COMPONENTS,
        facts=np.column_stack([meta[:, 2], models]).astype(np.float64),
        fact_names=_FACTS,
    )


def occurrences(streams: dict[str, Any], name: str) -> Occurrences:
    """The rows (machine, hour, kind from 1) of one stream."""
    rows = streams[name]
    return Occurrences(np.searchsorted(_numbers(streams), rows[:, 0]), rows[:, 1], rows[:, 2] - 1)


def machines_asked(streams: dict[str, Any]) -> tuple[Ints, Ints]:
    """Unit and time of the decisions asked for."""
    decisions = streams["decisions"].astype(np.int64)
    return np.searchsorted(_numbers(streams), decisions[:, 0]).astype(np.int64), decisions[:, 1]


def _numbers(streams: dict[str, Any]) -> np.ndarray:
    return np.sort(streams["meta"][:, 0])
