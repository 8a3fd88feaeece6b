"""Pages about mailings: what is shown of one (`view`), and the pages of authors and of who may approve (`pages`)."""
