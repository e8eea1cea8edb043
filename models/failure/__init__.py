"""Failure prediction: how likely each fault family is to strike a unit soon, why, and how much life is left.

Read `history` (what is known) -> `features` (`windows`, `regimes`, `occurrences`) -> `targets` (what came of it) ->
`hazard` and `life` (models over `trees`) -> `bundle` (how a model rests) and `scores` (how good it is).
"""
