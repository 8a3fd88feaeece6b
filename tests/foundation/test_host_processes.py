"""Who goes last."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from mailserver.foundation.host_processes import LAST, step_back


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_a_thread_steps_back_from_where_it_is() -> None:
    """Where an operator has lowered the service only root may raise what runs in it."""
    before = niceness()

    def work() -> list[int]:
        found = []
        for _ in range(8):
            step_back(5)
            found.append(niceness())
        return found

    with ThreadPoolExecutor(1) as alone:
        assert alone.submit(work).result() == [min(before + 5 * steps, LAST) for steps in range(1, 9)]
    assert niceness() == before
