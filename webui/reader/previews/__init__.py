"""One file of a message looked at: the page around it, events and contacts in it."""
