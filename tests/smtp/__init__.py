"""SMTP doors, submission, relay, queue."""
