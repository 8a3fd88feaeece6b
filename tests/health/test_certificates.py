"""What `check` says of certificates: how long each lasts, and which names have none."""

import datetime
from pathlib import Path

import pytest

from mailserver.foundation import served_certificates
from mailserver.foundation.settings import Settings, Smtp, Web
from mailserver.foundation.tls import make_certificate
from mailserver.health import certificates
from mailserver.health.certificates import examine_certificates
from mailserver.health.findings import Grade
from tests.certificate_files import write_pair

HOST = "mail.ac-exemple.fr"
NAMES = ("autoconfig.ac-exemple.fr", "autodiscover.ac-exemple.fr", "mta-sts.ac-exemple.fr")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(domain="ac-exemple.fr", hostname=HOST, directory=tmp_path)


def found(settings: Settings) -> list[tuple[str, str]]:
    """Everything that is not well."""
    looked = examine_certificates(settings)
    return [(one.grade.value, one.text.to("en")) for one in looked if one.grade is not Grade.OK]


def test_names_without_a_certificate_are_named(settings: Settings) -> None:
    write_pair(settings.directory / "tls", HOST)
    wider = settings.model_copy(
        update={"aliases": ("ac-ancienne.fr",), "web": Web(url="https://webmail.ac-exemple.fr"), "smtp": Smtp()}
    )
    ((grade, text),) = found(wider)
    assert grade == "warning"
    assert text == "no certificate is for " + ", ".join(
        ("webmail.ac-exemple.fr", *(f"{label}.{domain}" for domain in wider.domains for label in LABELS))
    )


LABELS = ("mta-sts", "autoconfig", "autodiscover")


def test_names_may_stand_in_any_certificate(settings: Settings) -> None:
    write_pair(settings.directory / "tls", HOST, NAMES[0])
    write_pair(settings.directory / "tls" / "sni" / NAMES[1], "anything")
    write_pair(settings.directory / "tls" / "sni" / "more", "anything", NAMES[2])
    assert found(settings) == []
    write_pair(settings.directory / "tls", "*.ac-exemple.fr")
    assert found(settings) == []


def test_an_authority_of_ours_is_one_thing_to_say(settings: Settings) -> None:
    """Nobody outside knows it: which names it has does not matter."""
    make_certificate(settings.certificate, settings.private_key, [HOST], datetime.datetime.now(datetime.UTC))
    ((grade, text),) = found(settings)
    assert (grade, text[:50]) == ("warning", "the certificate comes from the authority of this i")


@pytest.mark.parametrize(("days", "grade"), [(-1, "problem"), (5, "warning"), (22, "")])
def test_how_long_each_lasts(settings: Settings, days: float, grade: str) -> None:
    write_pair(settings.directory / "tls", HOST, *NAMES, days=days)
    write_pair(settings.directory / "tls" / "sni" / "a.fr", "a.fr", days=days)
    bad = found(settings)
    assert [one for one, _ in bad] == ([grade] * 2 if grade else [])
    assert all(text.startswith(("the certificate ends", "the certificate of a.fr ends")) for _, text in bad)


def test_what_cannot_be_read_or_is_not_read(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(settings.directory / "tls", HOST, *NAMES)
    folder = settings.directory / "tls" / "sni"
    write_pair(folder / "a.fr", "a.fr")
    (folder / "a.fr" / "key.pem").unlink()
    ((grade, text),) = found(settings)
    assert grade == "problem"
    assert "sni/a.fr/key.pem" in text
    write_pair(folder / "b.fr", "b.fr")
    for module in (served_certificates, certificates):
        monkeypatch.setattr(module, "MOST", 1)
    assert found(settings)[-1] == ("warning", "only 1 folders of tls/sni/ are read")
    (settings.directory / "tls" / "cert.pem").unlink()
    assert [one for one, _ in found(settings)] == ["problem"]
