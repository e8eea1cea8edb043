"""A whole site that is out: its orders become P1, and each says that there may be one cause for all of them."""

from datetime import datetime
from typing import Final

from control.change_log import INTAKE
from control.queries import Connection, Row, rows
from control.rules.episode import WHOLE_STATION
from control.work_orders import hurry

_FAMILIES: Final = sorted(WHOLE_STATION)


def look(conn: Connection, incident: Row, now: datetime) -> None:
    """After an incident of a whole station was told about: hurry the orders of its site if that makes the site dark.

    A site is out once each of its stations, two at least, is silent or says that it is faulted as a whole; a weak signal or
    a session that was cut does not count. Only the orders about this become urgent, and stay so when a station comes back.
    Order rows of other stations are locked without their station's lock; the one intake does this, and nobody who holds such
    a row waits for a second station.
    """
    if incident["family"] not in WHOLE_STATION:
        return
    for order in rows(conn, "orders_of_site_out", station=incident["station"], families=_FAMILIES, now=now):
        because = (
            f"All {order['stations']} stations of {order['site_name']} are out: "
            "look for one cause first, the supply or the uplink"
        )
        hurry(conn, order, "P1", INTAKE, because, now)
