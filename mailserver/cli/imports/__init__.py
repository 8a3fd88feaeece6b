"""`mailserver import`, `imports` and `job`: an export becomes people, what imports did, and those begun in the
console.
"""
