"""Entries as their viewers may see them: out of the store, in order, matched against filters, as octets."""
