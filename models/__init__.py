"""Everything computed: uptime, sessions, anomaly, failure. Arrays in, arrays out; no I/O, no clock, no engine."""
