"""Which bridge serves a station: the one that brought its newest message."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from connectors.adapters import headers
from connectors.adapters.routes import Route

_NO_TAIL: Final = b"\n"


class Served:
    """Finds the bridges of a poll's stations. Remembers the last bridge seen, since most headers are of it."""

    def __init__(self) -> None:
        self._tail = _NO_TAIL
        self._bridge: str | None = None

    def of(
        self, cws: Sequence[bytes], routes: Sequence[Route], route: NDArray[np.intp], messages: NDArray[np.intp]
    ) -> dict[str, str]:
        """Station -> bridge, by the newest message that each station said; `messages` are the places of messages."""
        last = np.full(len(routes), -1, np.intp)
        last[route[messages]] = messages
        served: dict[str, str] = {}
        for place, k in sorted(zip(last.tolist(), range(len(last)), strict=True)):
            key, topic, _, said_by_station, *_ = routes[k]
            if place >= 0 and said_by_station and key != topic:
                bridge = self._bridge_of(cws[place])
                if bridge is not None:
                    served[key] = bridge
        return served

    def _bridge_of(self, header: bytes) -> str | None:
        if not header.startswith(self._tail, headers.TAIL):
            tail, self._bridge = header[headers.TAIL : header.rfind(b"|") + 1], headers.bridge_of(header)
            self._tail = tail if tail.startswith(b"|") and tail.count(b"|") == 5 else _NO_TAIL
        return self._bridge
