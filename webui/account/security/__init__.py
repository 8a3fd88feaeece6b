"""What protects an account: its password, second factor, devices, open sessions, recovery address."""
