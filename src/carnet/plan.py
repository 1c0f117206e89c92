"""plan(movement, lawbook) -> Plan: the least that must be taken out, or done, so that it may go."""
