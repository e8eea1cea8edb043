"""What travels and what rests: topics, channels, telemetry, assets, faults, alerts. Imports nothing of ours."""
