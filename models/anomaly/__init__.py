"""Anomaly detection: what looks wrong at a port, how sure that is, why, and since when.

Read `operator` (the whole at a glance), then `ticks` -> `situation` -> `features` -> `judge` (`expectation`, `tail`) ->
`evidence` -> `decide`. Beside them: `values` (outside the channels), `signs` (how a port speaks), `doings` (events).
`detector` holds the protocol and registry of generic detectors, which know no physics.
"""
