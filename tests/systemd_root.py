"""systemd as the first process of namespaces of its own: this machine's files below a layer that is thrown away, a
network that has the loopback alone, and of the control groups one branch.

`/opt/mailserver` is this checkout with its environment; nothing but what a test puts into `/etc/systemd/system` runs.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.hatchery import ROOT
from tests.waiting import until

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
BOOT = """
set -e
mkdir {folder}/groups
mount -t cgroup2 cgroup2 {folder}/groups
mkdir {folder}/groups/{name}
echo $$ > {folder}/groups/{name}/cgroup.procs
exec unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child --propagation private sh {folder}/inside.sh
"""
INSIDE = """
set -e
cd {folder}
mkdir layer
mount -t tmpfs -o mode=755 tmpfs layer
mkdir layer/upper layer/work layer/root
mount -t overlay overlay -o lowerdir=/,upperdir=layer/upper,workdir=layer/work layer/root
cd layer/root
ip link set lo up
hostname essai
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
for name in tmp var/tmp; do mount -t tmpfs -o mode=1777 tmpfs $name; done
rm -rf etc/systemd/system var/log/journal etc/machine-id etc/fstab
mkdir -p etc/systemd/system srv/checkout srv/packages srv/python old
touch etc/machine-id etc/fstab
mount --bind {checkout} srv/checkout
mount --bind {packages} srv/packages
mount --bind {python} srv/python
cp {folder}/units/* etc/systemd/system/
chroot . /srv/python/bin/{interpreter} -m venv --without-pip /opt/mailserver
cp {folder}/here.pth opt/mailserver/lib/{interpreter}/site-packages/
cp {folder}/mailserver opt/mailserver/bin/mailserver
chmod 755 opt/mailserver/bin/mailserver
chroot . useradd --system --home-dir /var/lib/mailserver mailserver
install -d -o $(chroot . id -u mailserver) -g $(chroot . id -g mailserver) -m 700 var/lib/mailserver
pivot_root . old
umount -l /old
exec </dev/null env -i container=essai PATH={path} /lib/systemd/systemd --log-target=journal --unit=essai.target
"""
TARGET = "[Unit]\nDefaultDependencies=no\nWants=systemd-journald.service\nAllowIsolate=yes\n"
PROGRAM = """#!/bin/sh
LD_LIBRARY_PATH=/srv/python/lib exec /opt/mailserver/bin/python -m mailserver "$@"
"""


class CannotBoot(Exception):
    """The kernel, or whoever shut us in, does not let systemd begin; the text says what it said."""


class SystemdRoot:
    """One that runs until `close`. Raises CannotBoot."""

    def __init__(self, folder: Path, units: dict[str, str]) -> None:
        self.folder, self._name = folder, f"mailserver-test-{os.getpid()}"
        (folder / "units").mkdir(parents=True)
        for name, text in {"essai.target": TARGET, **units}.items():
            path = folder / "units" / name
            path.write_text(text)
        (folder / "mailserver").write_text(PROGRAM)
        (folder / "here.pth").write_text("/srv/checkout\n/srv/checkout/calendar\n/srv/packages\n")
        interpreter = f"python{sys.version_info.major}.{sys.version_info.minor}"
        words = {
            "folder": folder,
            "name": self._name,
            "checkout": ROOT,
            "packages": sysconfig.get_path("purelib"),
            "python": sys.base_prefix,
            "interpreter": interpreter,
            "path": PATH,
        }
        (folder / "boot.sh").write_text(BOOT.format(**words))
        (folder / "inside.sh").write_text(INSIDE.format(**words))
        self._said = folder / "boot.log"
        with open(self._said, "wb") as said:
            command = ["unshare", "--mount", "--propagation", "private", "sh", str(folder / "boot.sh")]
            self._process = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            until(self._is_up)
        except AssertionError:
            self.close()
            raise CannotBoot(self._said.read_text(errors="replace")[-2000:]) from None

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            self.close()
            raise CannotBoot(self._said.read_text(errors="replace")[-2000:])
        return self.run("systemctl", "is-active", "essai.target", check=False).returncode == 0

    @property
    def pid(self) -> int:
        """Of systemd, as this machine sees it."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def inside(self, *words: object) -> list[str]:
        """The command that runs this there."""
        spaces = ["--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd"]
        return [
            "nsenter",
            f"--target={self.pid}",
            *spaces,
            "env",
            "-i",
            f"PATH={PATH}",
            "LC_ALL=C.UTF-8",
            *map(str, words),
        ]

    def on_its_network(self, *words: object) -> list[str]:
        """The command that runs a program of this machine there."""
        return ["nsenter", f"--target={self.pid}", "--net", *map(str, words)]

    def run(self, *words: object, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(self.inside(*words), capture_output=True, text=True, check=False, input=stdin)
        assert not check or done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done

    def as_service(
        self, *words: object, check: bool = True, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The same as the service's user."""
        return self.run("runuser", "-u", "mailserver", "--", *words, check=check, stdin=stdin)

    def show(self, unit: str, name: str) -> str:
        """A property, as `systemctl show` has it."""
        return self.run("systemctl", "show", "--property", name, "--value", unit).stdout.strip()

    def close(self) -> None:
        """Every process in it ends with the first; so does what was mounted."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._remove_groups()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_groups(self) -> None:
        """The branch of the control groups, which outlives who was in it."""
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields = line.split()
            if " - cgroup2 " in line and fields[3] == "/":
                branch = Path(fields[4]) / self._name
                if branch.exists():
                    until(lambda: "populated 0" in (branch / "cgroup.events").read_text())  # noqa: B023
                    for top, _, _ in os.walk(branch, topdown=False):
                        os.rmdir(top)
                return
