"""The embedded directory: people, schools, lists, contacts, claims and imports."""
