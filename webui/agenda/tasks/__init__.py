"""Tasks: their lists, one of them, and what classes have to hand in."""
