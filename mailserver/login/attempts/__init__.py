"""Attempts are counted and slowed down, one at a time for one login; recent successes cost no hashing."""
