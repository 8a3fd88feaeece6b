"""One fault in a copy of the checkout, and what its tests say."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.faults.fault import Fault, Lost

BUILT = ("webui/static/dist", "mailserver/texts/locale")
"""Not under version control, and needed by the web's tests."""
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-rfE")
PASSED, FAILED = 0, 1
_CULPRIT = re.compile(r"^(?:FAILED|ERROR) (\S+?(?:\[.*?\])?)(?: - |$)", re.MULTILINE)


class Outcome(Enum):
    """What became of a trial."""

    CAUGHT = "caught"
    MISSED = "NOT CAUGHT"
    LOST = "DOES NOT APPLY"
    BROKEN = "DOES NOT RUN"
    """The tests could not be collected or were none: nothing is known."""
    AILING = "FAILS WITHOUT IT TOO"
    """The test that failed does so in the code as it is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A trial's outcome, and the test that failed or what was said."""

    outcome: Outcome
    detail: str = ""


class Workplace:
    """A copy of the checkout that may be spoilt."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds
        self._sound: set[str] = set()
        """Tests that passed without any fault."""

    def read(self, file: str) -> str:
        """A source file. Raises FileNotFoundError."""
        return (self._folder / file).read_text(encoding="utf-8")

    def run(self, fault: Fault, tests: Sequence[str] = ()) -> Verdict:
        """Put the fault in, run its tests (or these), and take it out again."""
        known = [test for test in (tests or fault.tests) if (self._folder / test.partition("::")[0]).exists()]
        if not known:
            return Verdict(Outcome.BROKEN, "none of its tests is there")
        try:
            with self._spoilt(fault):
                code, said = self._pytest(known)
        except (Lost, FileNotFoundError) as error:
            return Verdict(Outcome.LOST, str(error))
        if code == PASSED:
            return Verdict(Outcome.MISSED)
        if code is None:
            return Verdict(Outcome.CAUGHT, f"still running after {self._seconds:.0f} s")
        if code != FAILED:
            return Verdict(Outcome.BROKEN, said[-2000:])
        found = _CULPRIT.search(said)
        culprit = found[1] if found else known[0]
        if culprit not in self._sound and self._pytest([culprit])[0] != PASSED:
            return Verdict(Outcome.AILING, culprit)
        self._sound.add(culprit)
        return Verdict(Outcome.CAUGHT, culprit)

    @contextlib.contextmanager
    def _spoilt(self, fault: Fault) -> Iterator[None]:
        before = self.read(fault.file)
        self._write(fault.file, fault.applied(before))
        try:
            yield
        finally:
            self._write(fault.file, before)

    def _write(self, file: str, text: str) -> None:
        """Python takes a compiled file for current by second and size: it goes, for both may be the same."""
        path = self._folder / file
        path.write_text(text, encoding="utf-8")
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def _pytest(self, tests: Sequence[str]) -> tuple[int | None, str]:
        """The exit code (None: it took too long) and what was said."""
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(
                [sys.executable, *PYTEST, *tests],
                cwd=self._folder,
                env={**os.environ, "PYTHONPATH": f"{self._folder}{os.pathsep}{self._folder / 'calendar'}"},
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(self._seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            said.seek(0)
            return code, said.read()


@contextlib.contextmanager
def workplace(checkout: Path, seconds: float) -> Iterator[Workplace]:
    """A copy of a checkout as it stands, uncommitted changes included; `seconds` that the tests of a fault may take."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=checkout, check=True, capture_output=True
    ).stdout
    with tempfile.TemporaryDirectory(prefix="mailserver-faults-") as folder:
        for name in filter(None, listed.decode().split("\0")):
            if (checkout / name).is_file():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(checkout / name, target)
        for name in BUILT:
            if (checkout / name).is_dir():
                shutil.copytree(checkout / name, Path(folder, name), dirs_exist_ok=True)
        yield Workplace(Path(folder), seconds)
