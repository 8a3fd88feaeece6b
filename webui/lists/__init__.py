"""Distribution lists: one's own (`personal`), those one looks after (`owned`, `list_form`), who will receive
(`list_preview`), what became of their messages (`posts`), what they keep (`archives`), and messages that wait for an
owner: on a page of theirs (`waiting_messages`) and behind a link in mail (`moderation`)."""
