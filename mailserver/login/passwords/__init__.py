"""What a password must be: the rules of the profile, words and data it may not hold, renewal, the last ones."""
