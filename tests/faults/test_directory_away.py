"""The academy's LDAP server goes away while we serve: nobody is called unknown, nothing is lost, all comes back."""

import imaplib
import smtplib
import socket
from collections.abc import Callable

import httpx
import pytest

from mailserver.foundation.tls import write_secret
from tests.directory.ldap.test_ldap_adapter import entry
from tests.directory.slapd import ADMIN, BASE, PASSWORD, Slapd
from tests.harness import DEMO_PASSWORD, Instance
from tests.waiting import until

pytestmark = pytest.mark.needs("slapd")


def offer(instance: Instance, login: str, subject: str) -> int:
    """Mail from outside; the code of the first answer that is none of 250."""
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
        client.ehlo("mx.exemple.org")
        client.mail("x@exemple.org")
        code = client.rcpt(f"{login}@ac-exemple.fr")[0]
        return client.data(f"Subject: {subject}\r\n\r\nx\r\n".encode())[0] if code == 250 else code


def enters(instance: Instance, login: str) -> str:
    """What a mail program is told."""
    with imaplib.IMAP4("127.0.0.1", instance.ports["imap"], timeout=60) as client:
        try:
            client.login(login, DEMO_PASSWORD)
        except imaplib.IMAP4.error as error:
            return str(error)
        return f"{client.select('INBOX')[1][0]!r}"


def submits(instance: Instance, login: str) -> int:
    with smtplib.SMTP("127.0.0.1", instance.ports["submission"], timeout=60) as client:
        client.starttls()
        try:
            return client.login(login, DEMO_PASSWORD)[0]
        except smtplib.SMTPResponseException as error:
            return error.smtp_code


def page(instance: Instance, login: str) -> tuple[int, str]:
    """What a browser is shown once the form is sent."""
    base = f"http://127.0.0.1:{instance.ports['http']}"
    with httpx.Client(base_url=base, timeout=60, headers={"Accept-Language": "fr"}) as client:
        mark = client.get("/login").text.partition('name="m_" value="')[2].partition('"')[0]
        given = {"m_": mark, "identifiant": login, "mot_de_passe": DEMO_PASSWORD}
        answer = client.post("/connexion", data=given)
        return answer.status_code, answer.text


def ready(instance: Instance) -> str:
    answer = httpx.get(f"http://127.0.0.1:{instance.ports['http']}/sante/pret", timeout=60)
    return f"{answer.status_code} {answer.text}"


def test_what_each_door_says(fresh: Callable[..., Instance], openldap: Slapd) -> None:
    openldap.empty()
    openldap.add("".join(entry(login, f"userPassword: {DEMO_PASSWORD}") for login in ("ada", "bob", "eve")))
    instance = fresh()
    write_secret(instance.directory / "secrets" / "ldap", PASSWORD.encode())
    section = f'url = "{openldap.url}"\nbase = "{BASE}"\nbind_dn = "{ADMIN}"\npassword_file = "ldap"\ntimeout = 1\n'
    instance.configure(f"[ldap]\n{section}")
    with socket.create_server(("127.0.0.1", instance.ports["ldap"])):  # its own door may be where ours would be
        instance.start("--workers", "1")
    assert "ldap" not in instance.directory.with_suffix(".out").read_text()
    assert offer(instance, "ada", "before") == 250
    assert offer(instance, "nobody", "x") == 550
    assert enters(instance, "ada") == "b'1'"
    assert ready(instance).startswith("200")

    openldap.stop()
    for login in ("bob", "nobody.else"):
        assert offer(instance, login, "meanwhile") == 451, "nobody is called unknown"
    assert "UNAVAILABLE" in enters(instance, "bob")
    assert submits(instance, "bob") == 454
    status, text = page(instance, "bob")
    assert (status, "mot de passe incorrect" in text.casefold()) == (503, False), text
    until(lambda: "directory" in ready(instance))
    assert ready(instance).startswith("503")

    openldap.start()
    until(lambda: offer(instance, "bob", "after") == 250)
    assert enters(instance, "bob") == "b'1'", "what was refused is nowhere, and its sender came again"
    assert enters(instance, "ada") == "b'1'"
    assert submits(instance, "eve") == 235
    assert page(instance, "eve")[0] in (200, 303)
