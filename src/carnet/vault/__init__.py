"""Bytes at rest in one region: objects, keys, residency, erasure."""
