"""`python -m spinemed.cli` is the command `spinemed`."""

from spinemed.cli import main

main()
