"""The guide's first page under a real systemd, as it stands: its values, its usual ports, its units and timers, root's
blocks and the service's user's.

What is left out: Debian's packages and the wheels (`test_debian_package.py` installs them), and what asks the world.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.cli.test_guide_first_page import CODE, PAGE, PASSWORD, VALUES, assert_seen
from tests.documents.guide import Block
from tests.hatchery import ROOT
from tests.systemd_root import CannotBoot, SystemdRoot

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.needs("systemctl", "unshare", "nsenter", "restic", "curl", "openssl"),
]
NOT_HERE = re.compile(r"^(?:apt-get|python3 -m venv|/opt/mailserver/bin/pip|export|runuser) .*$", re.MULTILINE)
SHELL = next(block.text for block in PAGE if block.text.startswith("runuser"))
ELSEWHERE = "s3:https://objets.ac-exemple.fr/sauvegarde"
EDITOR = f"""#!/bin/sh
exec sed -i -e 's#{ELSEWHERE}#/srv/sauvegarde#' -e '/^ReadWritePaths=/s#$# /srv/sauvegarde#' "$@"
"""
"""Whoever edits the units writes the target into both lines."""
ENTER = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tests.cli.test_guide_first_page import enter_for_the_first_time
enter_for_the_first_time(SimpleNamespace(ports={{"https": 443}}, directory=Path({folder!r})), "edupont", {code!r})
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdRoot]:
    """A machine on which nothing of ours is but the program."""
    if os.geteuid() != 0:
        pytest.skip("only root makes namespaces for systemd")
    try:
        made = SystemdRoot(tmp_path_factory.mktemp("systemd") / "root", {})
    except CannotBoot as error:
        pytest.skip(f"systemd does not begin here: {error}")
    try:
        made.run("userdel", "mailserver")
        made.run("rm", "-rf", "/var/lib/mailserver")
        made.run("tee", "-a", "/etc/hosts", stdin="127.0.0.1 mail.ac-exemple.fr\n")
        made.run("tee", "/usr/local/bin/editor", stdin=EDITOR)
        made.run("chmod", "755", "/usr/local/bin/editor")
        yield made
    finally:
        made.close()


def typed(root: SystemdRoot, block: Block, *, as_root: bool) -> str:
    """What it printed, in a shell with the page's values."""
    text = NOT_HERE.sub("", block.text)
    script = f"export SYSTEMD_EDITOR=/usr/local/bin/editor SYSTEMD_PAGER=\n{VALUES.text}\ncd /srv/checkout\n{text}"
    if as_root and "systemctl edit" in text:  # which wants a terminal
        script = f"exec script -qec {shlex.quote(f'bash -euc {shlex.quote(script)}')} /dev/null"
    if not as_root:
        inner = shlex.quote(f"{VALUES.text}\n{text}")
        script = f"{VALUES.text}\n{SHELL.strip()} -euc {inner}"
    return root.run("bash", "-euc", script, stdin=f"{PASSWORD}\n").stdout


def test_the_first_page_is_typed_as_it_stands(root: SystemdRoot) -> None:
    printed = ""
    for block in PAGE:
        if block.language == "text":
            assert_seen(block, printed)
        elif "root" in block.marks:
            printed = typed(root, block, as_root=True)
        elif "run" in block.marks and block is not VALUES:
            printed = typed(root, block, as_root=False)
        if "starts" in block.marks:
            assert "active (running)" in printed
        if "account reset" in block.text and "run" in block.marks:
            code = CODE.search(printed)
            assert code is not None, printed
            enter = ENTER.format(folder=inside(root, "/var/lib/mailserver"), code=code[0])
            subprocess.run(root.on_its_network(sys.executable, "-c", enter), check=True, cwd=ROOT)
    for name in ("mailserver-backup", "mailserver-restore-test"):
        assert root.show(f"{name}.timer", "ActiveState") == "active"
        root.run("systemctl", "start", f"{name}.service")
        assert root.show(f"{name}.service", "Result") == "success"
    assert root.show("mailserver.service", "ActiveState") == "active"
    listening = root.run("ss", "-Hltn").stdout
    for number in (25, 80, 143, 389, 443, 465, 587, 636, 993, 4190):
        assert re.search(rf"0\.0\.0\.0:{number} |\*:{number} ", listening), number


def inside(root: SystemdRoot, path: str) -> str:
    """A path of that machine, as this one sees it."""
    return f"/proc/{root.pid}/root{path}"
