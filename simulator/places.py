"""Where simulated sites stand: towns with coordinates, time zone and climate.

Climate: annual mean, seasonal and daily half-range of the temperature in degC, rounded from the public climate normals of
1991 to 2020 of each town.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """A town: country and short code (they begin station ids), position, time zone, currency, climate, sales tax in percent."""

    country: str
    code: str
    name: str
    lat: float
    lon: float
    time_zone: str
    currency: str
    tax_percent: str
    mean: float
    seasonal: float
    daily: float


PLACES: Final[tuple[Place, ...]] = (
    Place("DE", "B", "Berlin", 52.52, 13.41, "Europe/Berlin", "EUR", "19", 10.1, 9.6, 4.2),
    Place("DE", "M", "Munich", 48.14, 11.58, "Europe/Berlin", "EUR", "19", 9.7, 9.4, 4.8),
    Place("DE", "HH", "Hamburg", 53.55, 9.99, "Europe/Berlin", "EUR", "19", 9.9, 8.4, 3.7),
    Place("AT", "W", "Vienna", 48.21, 16.37, "Europe/Vienna", "EUR", "20", 11.2, 10.2, 4.6),
    Place("FR", "LYS", "Lyon", 45.76, 4.84, "Europe/Paris", "EUR", "20", 13.0, 9.4, 5.0),
    Place("NL", "UT", "Utrecht", 52.09, 5.12, "Europe/Amsterdam", "EUR", "21", 10.7, 7.4, 4.0),
    Place("ES", "VLC", "Valencia", 39.47, -0.38, "Europe/Madrid", "EUR", "21", 18.3, 7.6, 4.6),
    Place("NO", "OSL", "Oslo", 59.91, 10.75, "Europe/Oslo", "NOK", "25", 6.9, 10.8, 3.9),
    Place("DK", "AAR", "Aarhus", 56.16, 10.20, "Europe/Copenhagen", "DKK", "25", 8.8, 8.4, 3.3),
    Place("GB", "LDS", "Leeds", 53.80, -1.55, "Europe/London", "GBP", "20", 9.9, 6.2, 3.6),
    Place("US", "SAC", "Sacramento", 38.58, -121.49, "America/Los_Angeles", "USD", "0", 16.6, 7.9, 7.4),
    Place("US", "DTW", "Detroit", 42.33, -83.05, "America/Detroit", "USD", "6", 10.4, 12.9, 4.9),
)

PRICES: Final[dict[str, tuple[str, str, str]]] = {
    "EUR": ("0.49", "0.35", "0.10"),
    "GBP": ("0.52", "0.30", "0.10"),
    "NOK": ("4.90", "3.50", "1.00"),
    "DKK": ("3.90", "2.50", "0.75"),
    "USD": ("0.42", "0.50", "0.40"),
}
"""Currency -> price a kWh, a session, and a minute of standing on after the charge, without tax. Made up, within the usual."""
