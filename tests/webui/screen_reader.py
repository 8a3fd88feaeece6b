"""Orca beside a whole Chromium on a screen of their own: what a blind person hears, line by line.

Keys are pressed on the screen (xdotool), so that the screen reader sees them first, as it does on a desk.
"""

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.waiting import PATIENCE, until
from tests.webui.browser import CHROMIUM, FLAGS

SPEECH = re.compile(r"SPEECH OUTPUT: '(.*?)'(?: \{|$)", re.MULTILINE)
CUSTOM = """
from orca import debug, settings_manager
for name in ("sayAllOnLoad", "pageSummaryOnLoad"):
    settings_manager.get_manager().set_setting(name, False)
debug.debugFile.reconfigure(line_buffering=True)
"""
"""Pages are not read out by themselves: what is heard is of what was done. And what was said is in the log at once, not
when eight kilobytes have come together, which the last words before a silence never do."""
BETWEEN_KEYS = 1.0
"""Seconds without a word in its log after which the screen reader has done what a key asked for."""
ANSWER = 10.0
"""Seconds in which something is said of what a key led to; the end of a page may have no words."""
ECHOES = {"Tab": "tabulation"}
"""What is said of a key itself, where that is not its name."""
BUS_LAUNCHER = "/usr/libexec/at-spi-bus-launcher"


class ScreenReader:
    """A page in Chromium, and what Orca says of it: `hears` waits for words in their order."""

    def __init__(self, page: Page, log: Path, environment: dict[str, str]) -> None:
        self.page = page
        self._log = log
        self._environment = environment
        self._from = 0
        self._done = ""
        self.lines: list[str] = []
        """What was done, and what was heard of it."""

    def mark(self, done: str = "") -> None:
        """What is heard from here on is about what comes, which is to be `done`."""
        if self._done:
            self.lines.append(self.line())
        self._from, self._done = len(self.said()), done

    def line(self) -> str:
        """The last thing that was done, and what was heard of it so far."""
        return f"{self._done}: {self.since()}"

    def said(self) -> list[str]:
        """Everything since the beginning, one utterance after the other."""
        return SPEECH.findall(self._log.read_text(errors="replace"))

    def since(self) -> str:
        return " | ".join(self.said()[self._from :])

    def press(self, *keys: str) -> None:
        """Press keys one after the other, by their X names; what follows is about them."""
        self.mark(" ".join(keys))
        for key in keys:
            self._press(key)

    def _press(self, key: str) -> None:
        subprocess.run(["xdotool", "key", "--clearmodifiers", key], env=self._environment, check=True)

    def type(self, text: str) -> None:
        self.mark("écrit")
        subprocess.run(["xdotool", "type", "--delay", "20", text], env=self._environment, check=True)

    def seek(self, key: str, *words: str, presses: int = 30) -> None:
        """Press a key until these words are heard, as one looks for something: the next heading, the next button."""
        self.mark(f"{key} jusqu’à « {words[-1]} »")
        wanted = _in_order(words)
        for _ in range(presses):
            before = len(self.said())
            self._press(key)
            self._listen(before, ECHOES.get(key, key))
            if wanted.search(" | ".join(self.said()[before:])):
                return
        raise AssertionError(f"{key} never led to {words}; last heard: {self.since()}")

    def _listen(self, before: int, echo: str) -> None:
        """Wait until the screen reader has done what a key made it do: it has said more than the key's name, said
        before the browser knows of it, and notes nothing more."""
        with contextlib.suppress(AssertionError):
            until(lambda: any(words != echo for words in self.said()[before:]), ANSWER)
        length, end = -1, time.monotonic() + PATIENCE
        while length != (now := self._log.stat().st_size) and time.monotonic() < end:
            length = now
            time.sleep(BETWEEN_KEYS)

    def hears(self, *words: str, seconds: float = PATIENCE) -> None:
        """Wait until each of these was said, in this order."""
        wanted = _in_order(words)
        try:
            until(lambda: wanted.search(self.since()), seconds)
        except AssertionError:
            raise AssertionError(f"wanted {words}, heard: {self.since()}") from None


def _in_order(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(".*?".join(re.escape(each) for each in words), re.DOTALL | re.IGNORECASE)


@contextlib.contextmanager
def listening(folder: Path) -> Iterator[ScreenReader]:
    """A screen, the accessibility bus, Orca and Chromium, which all end with the block."""
    with contextlib.ExitStack() as stack:
        environment = _environment(folder)
        screen = _screen(stack, environment, folder)
        environment["DISPLAY"] = screen
        environment["DBUS_SESSION_BUS_ADDRESS"] = _session_bus(stack, environment, folder)
        for name, command in (
            ("at-spi", [BUS_LAUNCHER, "--launch-immediately", "--a11y=1", "--screen-reader=1"]),
            ("windows", ["openbox"]),
        ):
            _run(stack, name, command, environment, folder)
        log = folder / "orca.log"
        _run(stack, "orca", ["orca", "--replace", f"--debug-file={log}"], environment, folder)
        until(lambda: log.exists() and SPEECH.search(log.read_text(errors="replace")))
        driver = stack.enter_context(sync_playwright())
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM),
            headless=False,
            args=[
                *FLAGS,
                "--force-renderer-accessibility",
                "--window-position=0,0",
                "--window-size=1366,860",
                "--lang=fr",
            ],
            env={**environment},
        )
        stack.callback(browser.close)
        context = browser.new_context(no_viewport=True, locale="fr-FR", timezone_id="Europe/Paris")
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.bring_to_front()
        yield ScreenReader(page, log, environment)


def _environment(folder: Path) -> dict[str, str]:
    home, run = folder / "home", folder / "run"
    home.mkdir(parents=True)
    run.mkdir(mode=0o700)
    own = home / ".local" / "share" / "orca"
    own.mkdir(parents=True)
    (own / "orca-customizations.py").write_text(CUSTOM)
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(run), "LC_ALL": "fr_FR.UTF-8", "LANGUAGE": "fr"}


def _run(
    stack: contextlib.ExitStack, name: str, command: list[str], environment: dict[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    output = stack.enter_context((folder / f"{name}.txt").open("wb"))
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _screen(stack: contextlib.ExitStack, environment: dict[str, str], folder: Path) -> str:
    """Xvfb chooses a free number and tells it."""
    near, far = os.pipe()
    with os.fdopen(near) as told:
        output = stack.enter_context((folder / "screen.txt").open("wb"))
        process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(far), "-screen", "0", "1366x900x24", "-nolisten", "tcp"],
            env=environment,
            pass_fds=[far],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        stack.callback(_end, process)
        os.close(far)
        return f":{told.readline().strip()}"


def _session_bus(stack: contextlib.ExitStack, environment: dict[str, str], folder: Path) -> str:
    output = stack.enter_context((folder / "bus.txt").open("wb"))
    process = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=output,
        text=True,
    )
    stack.callback(_end, process)
    assert process.stdout is not None
    stack.callback(process.stdout.close)
    return process.stdout.readline().strip()
