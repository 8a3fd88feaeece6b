"""The body of a message: its parts, their structure and text, and everything computed once at delivery."""
