"""Messages to very many people: handed in, decided about, sent in batches, taken back."""
