"""The processes of a host, beside the one that looks after them: what they are called, and how many there are."""

WORKER, RELAY, INDEXER = "mail-worker", "mail-relay", "mail-indexer"
"""At most 15 octets: what `ps -o comm` and `top` call them."""
MOST_RELAYS = 2
"""They empty the outgoing queue faster than anybody wants mail from one host."""


def relays_beside(workers: int) -> int:
    """How many there are where so many serve."""
    return min(workers, MOST_RELAYS)
