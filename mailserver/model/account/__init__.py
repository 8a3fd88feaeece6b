"""What an account chooses and uses, as values: preferences, quiet hours, programs, places of login."""
