"""Names and schemas first, then structure, then contents; makes the fact sheet."""
