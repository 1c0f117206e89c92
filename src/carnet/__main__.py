"""`python -m carnet` is `carnet`."""

from carnet.service.cli import main

main()
