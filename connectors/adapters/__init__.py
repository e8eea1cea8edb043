"""Bytes in, columns out: what chargers say, in any of their languages, as readings, values, events and rejects. Pure.

`normalise.Normaliser` is the way in: it turns a poll of `ev.raw` into a `models.columns.Batch`. `packed` writes and reads
the records of `ev.telemetry`.
"""

from typing import Final

ADAPTER_VERSION: Final = "adapters/1"
"""Stands in every packed record; rises when the same bytes come out differently, so that a repair run knows what to redo."""
