"""Every outgoing message: may it go, completed, signed, queued, planned; and what operators do to the queue."""
