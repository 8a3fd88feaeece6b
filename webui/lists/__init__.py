"""Distribution lists: one's own (`personal`), those one looks after (`owned`) and who will receive (`list_preview`),
what became of their messages (`posts`), what they keep (`archives`), and messages that wait for an owner
(`moderation`)."""
