"""Twice the same: one recording played undisturbed, and played while processes and services are killed, must leave equal tables."""
