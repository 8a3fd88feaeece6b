"""What was removed: how long and how much of it is kept, how it comes back."""
