"""The mail programs people use, each against a running instance."""
