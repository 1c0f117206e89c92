"""Faces and plates to be planted: data, and how plates are drawn."""
