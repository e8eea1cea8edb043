"""What the database teaches: hours of ports, what the registry says, labels; parted by time, so that nothing learns from later."""

from dataclasses import replace

import numpy as np

from connectors.timescale import hours as stored
from connectors.timescale import registry
from connectors.timescale.models import ModelError
from connectors.timescale.pool import Connection
from models.failure.chargers import FAMILIES
from models.failure.hours import HOUR_US, joined
from models.failure.teach import Taught

MOST_PORTS = 1_000
"""So many ports teach at most: those with labels first, the others by chance."""
DAYS = 365
PARTS = (0.6, 0.8)
"""Shares of the span: the first part teaches, the second sets the level, the last one judges."""
_DAY_US = 24 * HOUR_US


def fleet(conn: Connection, seed: int = 0) -> Taught:
    """All that the database teaches. ModelError where hours or labels of failures are missing, with the remedy."""
    facts, labels = registry.facts(conn), stored.labels(conn)
    told = [label for label, present in labels if present and label.fault in FAMILIES]
    if not told:
        raise ModelError(
            "there are no labels of failures to learn from: they come of findings on work orders; "
            "until then use the bundled model, or `chargewell train --simulated`"
        )
    ports = stored.numbers(
        conn, _chosen([p for p in facts if not p.endswith("/0")], {label.port for label, _ in labels}, seed)
    )
    newest = stored.newest(conn, "hours_known", ports)
    if newest is None:
        raise ModelError("there are no hours of ports yet: let the flow `failure` (or `all`) run first")
    until = newest + HOUR_US
    hours = joined(list(ports), [stored.read(conn, ports, until - DAYS * _DAY_US, until)])
    return Taught(hours, facts, labels, until)


def _chosen(ports: list[str], labelled: set[str], seed: int) -> list[str]:
    stations = {port.rpartition("/")[0] for port in labelled if port.endswith("/0")}
    first = [p for p in ports if p in labelled or p.rpartition("/")[0] in stations]
    rest = [p for p in ports if p not in set(first)]
    order = np.random.default_rng([seed, 0x5706]).permutation(len(rest))
    return sorted((first + [rest[i] for i in order])[:MOST_PORTS])


def parted(whole: Taught) -> tuple[Taught, Taught, Taught]:
    """The fleet to learn from, to set the level on, and to be judged on, one after the other in time."""
    begin = int(whole.hours.at.min())
    first, second = (begin + round(share * (whole.until_us - begin)) // HOUR_US * HOUR_US for share in PARTS)
    return (
        replace(whole, until_us=first),
        replace(whole, from_us=first, until_us=second),
        replace(whole, from_us=second),
    )
