"""Search: what people type, what is offered while they do, and what is found."""
