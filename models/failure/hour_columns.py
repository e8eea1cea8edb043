"""The columns of an hour, made of sums and extremes over its rows."""

from typing import Final

import numpy as np

from models.failure.hour_sums import Floats
from models.failure.hours import COUNTS, OTHERS

SUMS: Final = (
    "charging", "load", "hot", "hot2", "cool", "cool2", "above", "above_n", "ambient", "ambient_n", "fan", "fan_n", "given", "asked",
    *OTHERS, *(f"{name}_n" for name in OTHERS), *COUNTS,
)  # fmt: skip
"""What is added up: `NAME_n` counts the rows that told NAME."""
RESIDUALS: Final = ("residual_connector", "residual_cabinet", "residual_delivery")
MOST: Final = ("contact_peak", "imbalance", "score", *RESIDUALS)
"""Of what the largest value is kept."""
LEAST: Final = ("voltage",)
"""Of what the smallest is."""
_LEAST_SQUARE: Final = 0.5
"""Sum over minutes of (current / rated)^4 (or load squared) from which heat per square of current is told at all."""


def columns_of(s: dict[str, Floats], most: dict[str, Floats], least: dict[str, Floats]) -> dict[str, Floats]:
    """The columns of hours (`hours.COLUMNS`) of their `SUMS`, `MOST` and `LEAST`; NaN where nothing was told."""

    def over(a: str, b: str, least_b: float = 1e-9) -> Floats:
        return np.where(s[b] > least_b, s[a] / np.maximum(s[b], least_b), np.nan)

    told = np.isfinite(most["score"])
    return {
        "ambient": over("ambient", "ambient_n"),
        "load": over("load", "charging"),
        "busy": s["charging"] / 60.0,
        "contact_heat": over("hot", "hot2", _LEAST_SQUARE),
        "contact_peak": np.where(np.isfinite(most["contact_peak"]), most["contact_peak"], np.nan),
        "cabinet_heat": over("cool", "cool2", _LEAST_SQUARE),
        "cabinet_rise": over("above", "above_n"),
        "fan": over("fan", "fan_n"),
        "delivered": over("given", "asked"),
        "voltage": np.where(np.isfinite(least["voltage"]), least["voltage"], np.nan),
        "imbalance": np.where(np.isfinite(most["imbalance"]), most["imbalance"], np.nan),
        **{name: over(name, f"{name}_n") for name in OTHERS},
        "score": np.where(told, most["score"], np.nan),
        **{name: np.where(told, np.maximum(most[name], 0.0), np.nan) for name in RESIDUALS},
        **{name: s[name] for name in COUNTS},
    }
