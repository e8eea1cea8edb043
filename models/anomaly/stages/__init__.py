"""Parts that generic detectors are made of: expectation by the clock (`rhythm`), records (`events`), state."""
