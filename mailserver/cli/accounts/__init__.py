"""`mailserver account`: one person's account, its states, factors, export, letters and record."""
