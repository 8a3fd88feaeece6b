"""Tables of people: the directory's entries, imports, lists."""
