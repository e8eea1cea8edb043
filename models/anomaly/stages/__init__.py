"""Parts that generic detectors are made of: expectation by the clock, records, state, change."""
