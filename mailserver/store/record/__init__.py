"""The audit, its seals, and the clock that is believed."""
