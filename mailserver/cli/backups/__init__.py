"""Commands about backups: made, listed, restored whole or in part; what people removed."""
