"""Identifiers, addresses and letters are issued; people are enrolled, passwords hashed."""
