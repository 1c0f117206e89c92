"""Wiring, jobs, workers, API and command line: the only place that chooses implementations."""
