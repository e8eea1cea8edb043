"""The charger-fault benchmark: simulated fleets with labelled faults, what finds them, how early, and at what price in false alerts."""
