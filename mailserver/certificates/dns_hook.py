"""Publishing a TXT record for dns-01 by a program of the operator's, and taking it away again.

It is called `PROGRAM set` and `PROGRAM clean`, with what certbot's hooks are given in their environment, and nothing of
ours: what it needs to reach the name server is its own affair. No shell reads anything.
"""

import asyncio
import contextlib
import os
import signal
import tempfile
from enum import StrEnum

from mailserver.certificates.faults import Fault, NotObtained
from mailserver.certificates.proofs import Proof
from mailserver.foundation.settings import Acme

MOST_SAID = 500
"""Octets of what it says that are kept: the last ones."""
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


class Act(StrEnum):
    """What the program is told to do."""

    SET = "set"
    CLEAN = "clean"


async def call(terms: Acme, act: Act, proof: Proof) -> None:
    """Run it to its end. Raises NotObtained when it fails, or takes too long."""
    record = f"_acme-challenge.{proof.name}"
    given = {"CERTBOT_DOMAIN": proof.name, "CERTBOT_VALIDATION": proof.answer, "CERTBOT_TOKEN": proof.token}
    given |= {"ACME_ACTION": act.value, "ACME_RECORD": record}
    given |= {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    with tempfile.TemporaryFile() as said:
        try:
            process = await asyncio.create_subprocess_exec(
                terms.hook,
                act.value,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=given,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise NotObtained(Fault.HOOK, f"{terms.hook}: {error.strerror}") from None
        try:
            async with asyncio.timeout(terms.hook_seconds):
                code = await process.wait()
        except TimeoutError:
            raise NotObtained(Fault.HOOK, f"{terms.hook} {act}: more than {terms.hook_seconds} s") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # it is the leader of its group
                await process.wait()
        if code != 0:
            raise NotObtained(Fault.HOOK, f"{terms.hook} {act}: exit code {code}: {_last_words(said.fileno())}")


def _last_words(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    octets = os.pread(descriptor, MOST_SAID, max(0, size - MOST_SAID))
    text = octets.decode("utf-8", "replace")
    return "".join(each if each.isprintable() else " " for each in text)
