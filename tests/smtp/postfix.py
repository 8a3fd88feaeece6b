"""A real Postfix as others run it for people who send: a login by Cyrus SASL, TLS required, and on to one next server.

It has a folder of its own for everything and a free port of loopback; its master wants root.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.ports import free_port

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
maillog_file_prefixes = {folder}
maillog_file = {folder}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relais.fr
mydestination =
mynetworks =
alias_maps =
alias_database =
smtputf8_enable = yes
relayhost = [127.0.0.1]:{onward}
smtp_tls_security_level = none
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {folder}/sasl
smtpd_sasl_local_domain = relais.fr
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
"""
MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{implicit} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
SASL = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasldb2
mech_list: PLAIN LOGIN CRAM-MD5
"""


class Postfix:
    """Start, use, stop."""

    def __init__(self, certificate: Path, key: Path, onward: int, login: str, password: str) -> None:
        """`onward`: the port of loopback that it hands everything to."""
        self.port, self.implicit = free_port("127.0.0.1"), free_port("127.0.0.1")
        # Not below the folders of tests: Postfix works as users of its own, who may not enter there.
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.folder.chmod(0o755)
        for name, text in (("main.cf", MAIN), ("master.cf", MASTER), ("sasl/smtpd.conf", SASL)):
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.format(folder=self.folder, port=self.port, implicit=self.implicit, onward=onward))
        shutil.copy(certificate, self.folder / "cert.pem")
        shutil.copy(key, self.folder / "key.pem")
        (self.folder / "queue").mkdir()
        (self.folder / "data").mkdir()
        shutil.chown(self.folder / "data", "postfix")
        user, _, realm = login.partition("@")
        database = self.folder / "sasldb2"
        self._run("saslpasswd2", "-p", "-c", "-f", str(database), "-u", realm, user, given=password)
        shutil.chown(database, "postfix")
        self._run("postfix", "-c", str(self.folder), "start")

    def stop(self) -> None:
        """Its master, by the number that it wrote; and everything that it kept."""
        self._run("postfix", "-c", str(self.folder), "stop")
        shutil.rmtree(self.folder)

    @property
    def log(self) -> str:
        """What it said."""
        return (self.folder / "log").read_text()

    def _run(self, *command: str, given: str = "") -> None:
        path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": path}
        )
        assert done.returncode == 0, done.stdout + done.stderr
