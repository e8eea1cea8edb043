"""The audit: what the broker acknowledged, what the log holds, what the tables hold, line by line and in sums."""
