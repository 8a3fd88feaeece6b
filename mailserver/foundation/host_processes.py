"""The processes of a host, beside the one that looks after them: names, numbers, and who of them goes last."""

import os
import threading

WORKER, RELAY, INDEXER = "mail-worker", "mail-relay", "mail-indexer"
"""At most 15 octets: what `ps -o comm` and `top` call them."""
LAST = 19
"""Of nice(2)."""
MOST_RELAYS = 2
"""They empty the outgoing queue faster than anybody wants mail from one host."""


def relays_beside(workers: int) -> int:
    """How many there are where so many serve."""
    return min(workers, MOST_RELAYS)


def step_back(steps: int) -> None:
    """Lower the priority of the calling thread alone, and of those that it begins later, by so many steps of nice(2)
    (Linux schedules threads). From where it is: only root may raise one that the operator has lowered.
    """
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, min(os.getpriority(os.PRIO_PROCESS, thread) + steps, LAST))
