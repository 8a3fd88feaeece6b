"""The real restic, with keys that cost next to nothing.

Trying a key takes half a second of scrypt, at every start of the program, and a backup starts it ten times. What the
tests are about is what it stores: the `restic` of `quick_restic` runs the real one, and what `init` made opens cheaply.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

CHEAP = {"N": 2, "r": 8, "p": 1}
SCRYPT_MEMORY = 1 << 30
BLOCK = 16
PROGRAM = """#!/bin/sh
case " $* " in
*" init "*) {real} "$@" || exit; exec {python} {script} ;;
*) exec {real} "$@" ;;
esac
"""


class _Key:
    """What restic encrypts with: AES in counter mode, then Poly1305-AES."""

    def __init__(self, password: str, told: dict[str, object]) -> None:
        salt = base64.b64decode(str(told["salt"]))
        cost = {name: int(str(told[name])) for name in CHEAP}
        made = hashlib.scrypt(
            password.encode(), salt=salt, n=cost["N"], r=cost["r"], p=cost["p"], maxmem=SCRYPT_MEMORY, dklen=64
        )
        self._cipher, self._k, self._r = made[:32], made[32:48], made[48:]

    def decrypt(self, octets: bytes) -> bytes:
        start, hidden, mark = octets[:BLOCK], octets[BLOCK:-BLOCK], octets[-BLOCK:]
        self._mac(start, hidden).verify(mark)
        return self._counted(start, hidden)

    def encrypt(self, octets: bytes) -> bytes:
        start = os.urandom(BLOCK)
        hidden = self._counted(start, octets)
        return start + hidden + self._mac(start, hidden).finalize()

    def _counted(self, start: bytes, octets: bytes) -> bytes:
        return Cipher(algorithms.AES(self._cipher), modes.CTR(start)).encryptor().update(octets)

    def _mac(self, start: bytes, hidden: bytes) -> Poly1305:
        nonce = Cipher(algorithms.AES(self._k), modes.ECB()).encryptor().update(start)
        found = Poly1305(self._r + nonce)
        found.update(hidden)
        return found


def cheapen(repository: Path, password: str) -> None:
    """Encrypt its keys anew, under a password that is quick to try."""
    for path in list((repository / "keys").iterdir()):
        told = json.loads(path.read_text())
        secret = _Key(password, told).decrypt(base64.b64decode(told["data"]))
        told |= CHEAP
        told["data"] = base64.b64encode(_Key(password, told).encrypt(secret)).decode()
        octets = json.dumps(told).encode()
        path.with_name(hashlib.sha256(octets).hexdigest()).write_bytes(octets)
        path.unlink()


def put_before(folder: Path) -> str:
    """What PATH is with such a `restic` in that folder."""
    program = folder / "restic"
    program.write_text(
        PROGRAM.format(real=shutil.which("restic"), python=sys.executable, script=Path(__file__).resolve())
    )
    program.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def make(repository: Path, key_file: Path) -> None:
    """A new one in a folder, before anybody serves what is in it."""
    words = ["restic", "--no-cache", "-r", str(repository), "-p", str(key_file), "init"]
    subprocess.run(words, check=True, capture_output=True)
    cheapen(repository, key_file.read_text().strip())


if __name__ == "__main__":
    cheapen(Path(os.environ["RESTIC_REPOSITORY"]), Path(os.environ["RESTIC_PASSWORD_FILE"]).read_text().strip())
