"""One event: its page, its form, what is done to it, and the answer to an invitation."""
