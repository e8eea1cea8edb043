"""``python -m chargewell`` is the command line."""

from chargewell.cli import main

main()
