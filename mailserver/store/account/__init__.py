"""What is kept of an account: its row, how it is proved, its sessions, rules and bulletins."""
