"""`python -m aurora_restore` is the command line."""

from aurora_restore.cli.app import main

main()
