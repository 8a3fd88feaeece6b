"""Distribution lists: made and changed, who is in them, who receives."""
