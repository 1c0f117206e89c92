"""What a file is, in law: names and schemas first, then structure, then contents; makes the fact sheet."""

from carnet.classify.describe import describe

__all__ = ["describe"]
