"""A Debian with the essential packages and what one package depends on, in a folder: made of the files of this machine.

Only what a package's dependencies name is there, so a dependency that was forgotten shows. Commands run in it with a
network of their own, which has nothing but the loopback, so every port is free and nothing can be fetched.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

DPKG = Path("var/lib/dpkg")
SETUP = """
set -e
ip link set lo up
mount -t proc proc {root}/proc
for node in null zero full random urandom tty; do touch {root}/dev/$node; mount --bind /dev/$node {root}/dev/$node; done
mount -t tmpfs tmpfs {root}/dev/shm
echo ready
exec sleep infinity
"""


class CleanRoot:
    """The folder, with a process that holds its namespaces while it is used."""

    def __init__(self, folder: Path, wanted: str) -> None:
        self.folder = folder
        make(folder, wanted)
        own = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
        self._enter = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        command = ["unshare", *own, "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c"]
        self._holder = subprocess.Popen([*command, SETUP.format(root=folder)], stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text()
        self._pid = children.split()[0]

    def inside(self, *words: str) -> list[str]:
        """The command that runs this in the root."""
        return self.beside("chroot", str(self.folder), "/usr/bin/env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", *words)

    def beside(self, *words: str) -> list[str]:
        """The command that runs a program of this machine on the root's network."""
        spaces = ["--mount", "--net", "--pid"]
        return ["nsenter", f"--target={self._pid}", *self._enter, *spaces, "--wd=/", "--", *words]

    def run(self, *words: str) -> str:
        """Run a command in the root; what it said. It has to succeed."""
        done = subprocess.run(
            self.inside(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-4000:]}"
        return done.stdout

    def close(self) -> None:
        """End every process in it; the mounts go with them."""
        self._holder.kill()
        self._holder.wait()
        if self._holder.stdout is not None:
            self._holder.stdout.close()


PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def make(folder: Path, wanted: str) -> None:
    """Copy the packages that are essential and those that `wanted`, a field Depends, leads to."""
    status = _status()
    chosen = _closure(status, wanted)
    files = {"/"}
    for name in chosen:
        for path in _info(name, "list"):
            files.update(path.read_text().split("\n"))
    listing = "\0".join(sorted(path.lstrip("/") or "." for path in files if path)).encode()
    folder.mkdir(parents=True)
    options = ["--no-recursion", "--ignore-failed-read", "--warning=none", "--null", "--files-from=-"]
    with subprocess.Popen(
        ["tar", "-C", "/", *options, "-cf", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as packing:
        assert packing.stdin is not None
        unpacking = subprocess.Popen(["tar", "-C", str(folder), "-xf", "-"], stdin=packing.stdout)
        packing.stdin.write(listing)
        packing.stdin.close()
        assert unpacking.wait() == 0
    _configure(folder, [status[name] for name in chosen], chosen)


def _configure(folder: Path, stanzas: list[dict[str, str]], names: list[str]) -> None:
    """What maintainers' scripts made on this machine: dpkg's database, users, alternatives, the linker's cache."""
    for part in ("info", "updates", "alternatives", "triggers", "parts"):
        (folder / DPKG / part).mkdir(parents=True, exist_ok=True)
    (folder / DPKG / "status").write_text("\n".join(stanza["text"] for stanza in stanzas) + "\n")
    for name in names:
        for path in _info(name, r"\w+"):
            shutil.copy(path, folder / DPKG / "info")
    for name in ("passwd", "group"):
        shutil.copy(f"/usr/share/base-passwd/{name}.master", folder / "etc" / name)
    for place in ("etc/alternatives", "usr/bin"):
        for link in Path("/", place).iterdir():
            into = folder / place / link.name
            if link.is_symlink() and not into.is_symlink() and Path(folder, str(link.resolve()).lstrip("/")).exists():
                into.parent.mkdir(exist_ok=True)
                into.symlink_to(os.readlink(link))
    for name in ("dev/shm", "proc", "root", "run", "sys", "tmp", "var/log", "var/tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp", "dev/shm"):
        (folder / name).chmod(0o1777)
    subprocess.run(["/sbin/ldconfig", "-r", str(folder)], check=True)


def _status() -> dict[str, dict[str, str]]:
    """Stanzas of installed packages by name: their text and the fields that are asked for."""
    found = {}
    for text in Path("/", DPKG, "status").read_text().split("\n\n"):
        fields = dict(re.findall(r"^([\w-]+): (.*)$", text, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            found[fields["Package"]] = fields | {"text": text.strip() + "\n"}
    return found


def _closure(status: dict[str, dict[str, str]], wanted: str) -> list[str]:
    """Names that lead nowhere else."""
    providers: dict[str, str] = {}
    for name, fields in status.items():
        providers.update({one: name for one in _names(fields.get("Provides", "")) if one not in status})
    waiting = [name for name, fields in status.items() if fields.get("Essential") == "yes"]
    waiting += [name for clause in _clauses(wanted) for name in _first(clause, status, providers)]
    chosen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in chosen:
            continue
        chosen.add(name)
        fields = status[name]
        needed = f"{fields.get('Pre-Depends', '')},{fields.get('Depends', '')}"
        waiting += [other for clause in _clauses(needed) for other in _first(clause, status, providers)]
    return sorted(chosen)


def _clauses(field: str) -> Iterator[list[str]]:
    for clause in field.split(","):
        if clause.strip():
            yield [re.split(r"[\s:(]", name.strip())[0] for name in clause.split("|")]


def _names(field: str) -> list[str]:
    return [name for clause in _clauses(field) for name in clause]


def _first(clause: list[str], status: dict[str, dict[str, str]], providers: dict[str, str]) -> list[str]:
    """The alternative that is installed here; none where this machine lacks it: then dpkg will say so."""
    found = [name if name in status else providers.get(name, "") for name in clause]
    return [name for name in found if name][:1]


def _info(name: str, kind: str) -> list[Path]:
    """Files of dpkg's database about a package, also of one that several architectures may have."""
    pattern = re.compile(rf"{re.escape(name)}(:\w+)?\.{kind}")
    return [path for path in Path("/", DPKG, "info").iterdir() if pattern.fullmatch(path.name)]
