"""The front door: command line, settings, services, demo, audit, bench. The one place that wires."""
