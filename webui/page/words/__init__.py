"""Facts in the reader's words: roles, durations, crowds, what became of a letter."""
