"""`python -m runner` is `sentraplay`."""

from runner.cli import main

main()
