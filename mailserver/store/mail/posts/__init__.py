"""Messages that lists have sent on: those of archives, and those that wait for a digest."""
