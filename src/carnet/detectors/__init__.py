"""Faces and plates in pictures; every detector carries name, version, digest and threshold."""
