"""The process that becomes LibreOffice: `python -m mailserver.previews.confined FOLDER PROGRAM NAME FORMAT`.

It takes its limits and confines itself (`confinement`) before the program is executed; where it cannot be confined the
program does not run. What is in FOLDER, its profile, the file NAME and what is made of it, is the starter's to remove.
"""

import os
import resource
import sys
from pathlib import Path

from mailserver.previews import confinement

MEMORY = 3 * 1024 * 1024 * 1024
"""Octets of address space, of which it touches a tenth: libraries and stacks of threads."""
PROCESSOR_SECONDS = 30
MAX_FILE = 24 * 1024 * 1024
"""Octets of each file that it writes."""
FILES = 256
NOT_CONFINED = 90
"""The exit code."""
PROFILE, MADE = "profile", "made"
"""Folders in that of the process: what it keeps of itself, and where what is made is put."""
_READS = (
    *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/fonts", "/etc/libreoffice", "/etc/localtime"),
    *("/etc/alternatives", "/var/lib/libreoffice", "/var/spool/libreoffice", "/var/cache/fontconfig"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_LIMITS = {
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_CPU: PROCESSOR_SECONDS,
    resource.RLIMIT_NOFILE: FILES,
    resource.RLIMIT_FSIZE: MAX_FILE,
    resource.RLIMIT_CORE: 0,
}


def program_of(path: Path) -> Path:
    """What is executed: the program itself, not the script that starts it."""
    resolved = path.resolve()
    return resolved if resolved.suffix == ".bin" else resolved.parent / "soffice.bin"


def _arguments(folder: Path, program: Path, name: str, wanted: str) -> list[str]:
    return [
        str(program),
        f"-env:UserInstallation={(folder / PROFILE).as_uri()}",
        f"-env:OSL_SOCKET_PATH={folder}",
        *("--headless", "--invisible", "--norestore", "--nologo", "--nodefault", "--nolockcheck"),
        *("--convert-to", wanted, "--outdir", str(folder / MADE), str(folder / name)),
    ]


def main() -> None:
    """Confine, and become the program."""
    folder, program, name, wanted = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:5]
    environment = {"HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", "SAL_USE_VCLPLUGIN": "svp"}
    for kind, limit in _LIMITS.items():
        resource.setrlimit(kind, (limit, limit))
    os.chdir(folder)
    try:
        confinement.confine(folder, [*map(Path, _READS), program.parent.parent], map(Path, _DEVICES))
        os.execve(program, _arguments(folder, program, name, wanted), environment)  # noqa: S606 - no shell is wanted
    except OSError:
        sys.exit(NOT_CONFINED)


if __name__ == "__main__":
    main()
