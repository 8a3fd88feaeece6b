"""Sieve: the language and what runs decide."""
