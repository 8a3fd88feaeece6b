"""Fuzzing: `targets` says what must hold of any octets, `python -m tests.fuzz` looks for octets that break it."""
