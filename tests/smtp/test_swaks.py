"""swaks, the postmaster's own test client, at every door."""

import subprocess

import pytest

from tests.smtp.house import DOMAIN, PASSWORD, House

pytestmark = pytest.mark.needs("swaks")

ADA, BOB = f"ada@{DOMAIN}", f"bob@{DOMAIN}"


def swaks(house: House, door: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(house.ports[door]), "--ehlo", "bar.com", *options],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("options", [(), ("--pipeline",), ("--tls",), ("--protocol", "SMTP")])
def test_exchange(house: House, options: tuple[str, ...]) -> None:
    done = swaks(house, "smtp", "--from", "a@bar.com", "--to", f"{ADA},{BOB}", "--body", ".\n..\nfin", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    (octets,) = house.mail("ada")
    assert b"\r\n.\r\n..\r\nfin" in octets
    assert house.mail("bob") == [octets]


def test_exchange_refuses(house: House) -> None:
    done = swaks(house, "smtp", "--from", "a@bar.com", "--to", "x@ailleurs.fr")
    assert done.returncode == 24
    assert "554 5.7.1 " in done.stdout


def test_lmtp(house: House) -> None:
    done = swaks(house, "lmtp", "--protocol", "LMTP", "--from", "a@bar.com", "--to", f"{ADA},{BOB},nobody@{DOMAIN}")
    assert done.stdout.count("<-  250 2.0.0 delivered as ") == 2, done.stdout + done.stderr
    assert "550 5.1.1 " in done.stdout
    assert len(house.mail("ada")) == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("door", "tls"), [("submission", "--tls"), ("submissions", "--tls-on-connect")])
def test_submission(house: House, door: str, tls: str, mechanism: str) -> None:
    login = ("--auth", mechanism, "--auth-user", ADA, "--auth-password", PASSWORD)
    done = swaks(house, door, tls, *login, "--from", ADA, "--to", BOB)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "250 2.0.0 queued as " in done.stdout
    assert len(house.mail("bob")) == 1


def test_submission_without_tls_or_login(house: House) -> None:
    login = ("--auth", "PLAIN", "--auth-user", "ada", "--auth-password", PASSWORD)
    assert swaks(house, "submission", *login, "--from", ADA, "--to", BOB).returncode == 28
    refused = swaks(house, "submission", "--tls", "--from", ADA, "--to", BOB)
    assert "530 5.7.0 Authentication required" in refused.stdout
