"""Tables of the service itself: the audit, bulletins, certificates, reports, upkeep."""
