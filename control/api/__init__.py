"""The API under /v1: JSON in and out, for machines with a token and pages with a session."""
