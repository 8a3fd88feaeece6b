"""Runs in a process of its own what one that forks others must not do: threads of a library do not survive a fork."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec

from mailserver.foundation.network.ports import CannotServe

P = ParamSpec("P")


def run_apart(work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do this in a child process and wait for its end. Raises what it raises, CannotServe when it was killed."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        try:
            pool.submit(work, *args, **kwargs).result()
        except BrokenProcessPool:
            raise CannotServe("the process that opens the instance was killed") from None
