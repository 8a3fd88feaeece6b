"""What protects an account: its password, its second factor, its devices, the browsers it is open in, the recovery address."""
