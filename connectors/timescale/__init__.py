"""PostgreSQL in three editions: plain, TimescaleDB Apache, TimescaleDB Community. One schema, one way to write it."""
