"""Event loops that tests run in threads of their own."""

import asyncio
import warnings


def close(loop: asyncio.AbstractEventLoop) -> None:
    """Close one that has stopped, with whatever is still open in it: a connection whose other end has not said goodbye
    yet. uvloop warns of each, and as errors such warnings would keep the loop open.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        loop.close()
