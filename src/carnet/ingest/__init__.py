"""Receive: hash, seal, write; where a recording must live."""
