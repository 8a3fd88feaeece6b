"""People of the embedded directory: the `Directory` port, the life of accounts, what a secretariat does."""
