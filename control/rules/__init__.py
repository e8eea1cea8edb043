"""The rules of control: pure functions from what is known to what is to be done. No database, no clock, no settings object."""
