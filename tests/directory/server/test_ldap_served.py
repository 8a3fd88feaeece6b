"""What the administrator writes over LDAP, felt at every other door of a running academy with two workers."""

import imaplib
import smtplib
import subprocess
import time

import pytest

from tests.harness import DEMO_PASSWORD, Instance
from tests.waiting import FELT

pytestmark = pytest.mark.needs("ldapadd")

BASE = "dc=ac-exemple,dc=fr"
DN = f"uid=lcurie,ou=people,{BASE}"
PERSON = f"""
dn: {DN}
objectClass: inetOrgPerson
objectClass: acadPerson
cn: Louise Curie
sn: Curie
givenName: Louise
employeeType: staff
userPassword: {DEMO_PASSWORD}
"""


def tool(demo: Instance, program: str, *arguments: str, ldif: str = "") -> "subprocess.CompletedProcess[str]":
    secret = demo.directory / "secrets" / "ldap-admin"
    who = ["-x", "-H", f"ldap://127.0.0.1:{demo.ports['ldap']}", "-D", f"cn=admin,{BASE}", "-y", str(secret)]
    done = subprocess.run(
        [program, *who, *arguments], input=ldif, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done


def enters(demo: Instance, password: str) -> bool:
    """Whether IMAP lets the person in."""
    try:
        demo.imap("lcurie", password).logout()
    except imaplib.IMAP4.error:
        return False
    return True


def soon(demo: Instance, password: str, wanted: bool) -> bool:
    """Each worker hears of it within seconds."""
    deadline = time.monotonic() + FELT
    while [enters(demo, password) for _ in range(4)] != [wanted] * 4:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_an_account_made_and_unmade_over_ldap(demo: Instance) -> None:
    tool(demo, "ldapadd", ldif=PERSON)
    assert soon(demo, DEMO_PASSWORD, True)
    with smtplib.SMTP("127.0.0.1", demo.ports["smtp"], timeout=60) as client:
        client.sendmail("x@ailleurs.example", ["louise.curie@ac-exemple.fr"], "Subject: Bonjour\r\n\r\nBonjour.\r\n")
    with demo.imap("lcurie", DEMO_PASSWORD) as mailbox:
        assert mailbox.select("INBOX")[1] == [b"1"]
    shown = demo.command("account", "show", demo.directory, "lcurie").stdout
    assert "louise.curie@ac-exemple.fr" in shown
    assert "cn=admin" in demo.command("account", "log", demo.directory, "lcurie").stdout
    change = f"dn: {DN}\nchangetype: modify\nreplace: acadState\nacadState: suspended\n"
    tool(demo, "ldapmodify", ldif=change)
    assert soon(demo, DEMO_PASSWORD, False)
    tool(demo, "ldapmodify", ldif=change.replace("suspended", "active"))
    assert soon(demo, DEMO_PASSWORD, True)
    tool(demo, "ldappasswd", "-s", "Autre%Mot88", DN)
    assert soon(demo, DEMO_PASSWORD, False)
    assert soon(demo, "Autre%Mot88", True)
    tool(demo, "ldapdelete", DN)
    assert soon(demo, "Autre%Mot88", False)
