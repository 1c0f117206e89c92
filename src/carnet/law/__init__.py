"""Reads and applies the lawbook; pure, except for loading files."""
