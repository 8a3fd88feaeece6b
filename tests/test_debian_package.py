"""The Debian package: built of wheels without a network, and living in a clean root: it serves, is upgraded, purged."""

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clean_root import CleanRoot
from tests.hatchery import ROOT
from tests.test_packaging import MADE, SKIP

pytestmark = [
    pytest.mark.long,
    pytest.mark.needs("dh", "go-md2man", "lintian", "nsenter", "swaks", "unshare"),
    pytest.mark.timeout(1800),
]

DATA = "/var/lib/mailserver"
NEWER = "99.0+test"


@pytest.fixture(scope="module")
def gathered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `make wheels`, for the Python of this Debian, in a fresh checkout."""
    checkout = tmp_path_factory.mktemp("fresh") / "source"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*MADE))
    make(checkout, "wheels", "PYTHON=/usr/bin/python3")
    return checkout / "dist" / "wheels"


def make(checkout: Path, *words: str, before: tuple[str, ...] = (), **more: str) -> None:
    """Run make as somebody in a fresh checkout does."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", SKIP)}
    done = subprocess.run(
        [*before, "make", *words], cwd=checkout, env=kept | more, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.fixture(scope="module")
def package(gathered: Path) -> Path:
    """The Debian package, built where nothing can be fetched."""
    checkout = gathered.parent.parent
    make(checkout, "deb", before=("unshare", "--map-root-user", "--net"), MAILSERVER_DEB_COMPRESSION="-Zzstd -z1")
    (built,) = checkout.glob("dist/*.deb")
    return built


@pytest.fixture(scope="module")
def unpacked(package: Path) -> Path:
    """Its files and its maintainer's scripts."""
    folder = package.parent / "unpacked"
    subprocess.run(["dpkg-deb", "-R", str(package), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def root(package: Path) -> Iterator[CleanRoot]:
    """A Debian that has what the package depends on, and nothing else."""
    fields = subprocess.run(["dpkg-deb", "-f", str(package), "Pre-Depends", "Depends"], capture_output=True, text=True)
    wanted = ",".join(line.partition(": ")[2] for line in fields.stdout.splitlines())
    made = CleanRoot(package.parent / "root", wanted)
    yield made
    made.close()


def test_the_debian_package_is_installed_serves_is_upgraded_and_purged(
    package: Path, unpacked: Path, root: CleanRoot
) -> None:
    shutil.copy(package, root.folder / "tmp" / "first.deb")
    assert f"mailserver init {DATA}" in root.run("dpkg", "-i", "/tmp/first.deb")
    assert root.run("mailserver", "--version").split()[1] in package.name
    root.run("mailserver", "init", DATA, "--domain", "ac-essai.fr")
    assert root.run("stat", "-c", "%U %a", DATA, f"{DATA}/mailserver.toml").split() == [
        "mailserver",
        "700",
        "mailserver",
        "600",
    ]
    assert 'domain = "ac-essai.fr"' in root.run("cat", "/etc/mailserver/mailserver.toml")
    with serving(root):
        swaks = ["swaks", "--server", "127.0.0.1:2525", "--to", "postmaster@ac-essai.fr", "--from", "a@exemple.org"]
        sent = subprocess.run(root.beside(*swaks), capture_output=True, text=True, check=False)
        assert sent.returncode == 0, sent.stdout
    kept = mail(root)
    assert kept > 0
    control = unpacked / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {NEWER}", control.read_text(), flags=re.MULTILINE))
    subprocess.run(["dpkg-deb", "-Znone", "-b", str(unpacked), str(root.folder / "tmp" / "second.deb")], check=True)
    assert "mailserver init" not in root.run("dpkg", "-i", "/tmp/second.deb")
    assert NEWER in root.run("dpkg-query", "-W", "mailserver")
    with serving(root):
        pass
    assert mail(root) == kept
    assert f"rm -r {DATA}" in root.run("dpkg", "--purge", "mailserver")
    left = root.run("sh", "-c", f"find / -xdev -path '*mailserver*' -not -path '{DATA}*' -not -path '/tmp/*'")
    assert left == ""
    assert (root.folder / DATA.lstrip("/") / "data" / "mail.db").exists()


@contextlib.contextmanager
def serving(root: CleanRoot) -> Iterator[None]:
    """The command of the installed unit, as its user, until it is told to stop."""
    unit = (root.folder / "usr/lib/systemd/system/mailserver.service").read_text()
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    become = ["setpriv", "--reuid=mailserver", "--regid=mailserver", "--init-groups", "--"]
    command = f"echo $$ > /tmp/served; exec {' '.join(become)} {command} --workers 1"
    words = root.inside("sh", "-c", command)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as served:
        assert served.stdout is not None
        while "Ctrl-C" not in (line := served.stdout.readline()):
            assert line, "it did not start"
        yield
        root.run("sh", "-c", "kill $(cat /tmp/served)")
    assert served.returncode == 0


def mail(root: CleanRoot) -> int:
    """How many messages the administrator's account holds."""
    return int(json.loads(root.run("mailserver", "account", "show", DATA, "admin", "--json"))["messages"])


def test_lintian_finds_nothing_in_what_is_ours(unpacked: Path, tmp_path: Path) -> None:
    """Without the libraries, whose findings are overridden, each with its reason: they cost lintian a minute."""
    own = shutil.copytree(unpacked, tmp_path / "own", symlinks=True, ignore=shutil.ignore_patterns("site-packages"))
    sums = own / "DEBIAN" / "md5sums"
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if "site-packages" not in line))
    built = tmp_path / "mailserver.deb"
    subprocess.run(["dpkg-deb", "-Zxz", "-z1", "--root-owner-group", "-b", str(own), str(built)], check=True)
    told = subprocess.run(["lintian", "--allow-root", str(built)], capture_output=True, text=True, check=False)
    assert told.stdout + told.stderr == ""
