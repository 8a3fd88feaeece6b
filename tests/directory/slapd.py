"""A private OpenLDAP server: a folder and a port of its own, our schema, the argon2 module.

Debian packages: slapd (with argon2.so) and ldap-utils.
"""

import datetime
import socket
import subprocess
import time
from pathlib import Path

from mailserver.foundation.tls import make_certificate
from tests.ports import free_port

SLAPD = "/usr/sbin/slapd"
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BASE = "dc=ac-exemple,dc=fr"
ADMIN = f"cn=admin,{BASE}"
PASSWORD = "slapd-secret"

_CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {deploy}/education.schema
include {deploy}/mailserver.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload argon2
TLSCertificateFile {folder}/tls/cert.pem
TLSCertificateKeyFile {folder}/tls/key.pem
sizelimit unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by users read by anonymous auth
database mdb
suffix "{base}"
rootdn "{admin}"
rootpw {password}
directory {folder}/data
maxsize 67108864
dbnosync
index objectClass,uid,mail eq
"""

ROOT = f"""
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: ac-exemple
o: Académie

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: ou=structures,{BASE}
objectClass: organizationalUnit
ou: structures

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: ou=contacts,{BASE}
objectClass: organizationalUnit
ou: contacts

dn: ou=disciplines,{BASE}
objectClass: organizationalUnit
ou: disciplines

dn: ou=functions,{BASE}
objectClass: organizationalUnit
ou: functions
"""


class Slapd:
    """One server; `port` speaks LDAP with StartTLS, `tls_port` LDAPS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.folder / "tls" / "cert.pem"

    @property
    def pid(self) -> int:
        """0: not running."""
        return self._process.pid if self._process is not None else 0

    @property
    def running(self) -> bool:
        return self._process is not None

    def prepare(self) -> None:
        """Write the configuration; the tree is empty."""
        (self.folder / "data").mkdir(parents=True)
        now = datetime.datetime.now(datetime.UTC)
        make_certificate(self.certificate, self.folder / "tls" / "key.pem", ["ldap.ac-exemple.fr"], now)
        text = _CONFIGURATION.format(deploy=DEPLOY, folder=self.folder, base=BASE, admin=ADMIN, password=PASSWORD)
        (self.folder / "slapd.conf").write_text(text)

    def start(self) -> None:
        """Start, and wait until it answers."""
        urls = f"{self.url}/ ldaps://127.0.0.1:{self.tls_port}/"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [SLAPD, "-d", "0", "-h", urls, "-f", str(self.folder / "slapd.conf")], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def empty(self) -> None:
        """Start if need be, and leave the bare branches."""
        if not self.running:
            self.start()
        arguments = ["-x", "-H", self.url, "-D", ADMIN, "-w", PASSWORD, "-r", BASE]
        subprocess.run(["ldapdelete", *arguments], capture_output=True, check=False)
        self.add(ROOT)

    def add(self, ldif: str) -> None:
        """Add entries as the administrator; comments, order and encoding as ldapadd takes them."""
        done = subprocess.run(
            ["ldapadd", "-x", "-H", self.url, "-D", ADMIN, "-w", PASSWORD],
            input=ldif.encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
