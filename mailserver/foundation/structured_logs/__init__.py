"""One structured line per event: how it is written, and where it goes."""
