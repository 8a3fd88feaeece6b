"""Distribution lists: one's own (`personal`), those one looks after (`owned`): who will receive (`foreseen`), and a
message that waits for an owner who is not logged in (`moderating`)."""
