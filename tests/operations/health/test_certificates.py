"""What `check` says of certificates: how long each lasts, and which names have none."""

import datetime
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from mailserver.foundation import served_certificates
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Acme, Settings, Smtp, Web
from mailserver.foundation.tls import make_certificate
from mailserver.model.clock import SystemClock
from mailserver.operations.health import certificates
from mailserver.operations.health.certificates import examine_certificates
from mailserver.operations.health.findings import Grade
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep import certificates as units
from mailserver.store.upkeep import opening
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
    write_pair(settings.directory / "tls" / "sni" / NAMES[1], "anything", NAMES[1])
    write_pair(settings.directory / "tls" / "sni" / "more", "anything", NAMES[2])
    assert found(settings) == []
    write_pair(settings.directory / "tls", "*.ac-exemple.fr")
    assert found(settings) == []


def test_a_folder_whose_certificate_is_for_another_host(settings: Settings) -> None:
    """It is presented to whoever asks for the folder's name, and they are warned, whatever the others are for."""
    write_pair(settings.directory / "tls", HOST, *NAMES)
    write_pair(settings.directory / "tls" / "sni" / NAMES[1], "anything")
    assert found(settings) == [("warning", f"no certificate is for {NAMES[1]}")]


def test_an_authority_of_ours_is_one_thing_to_say(settings: Settings) -> None:
    """Nobody outside knows it: which names it has does not matter."""
    make_certificate(settings.certificate, settings.private_key, [HOST], datetime.datetime.now(datetime.UTC))
    ((grade, text),) = found(settings)
    assert (grade, text[:50]) == ("warning", "the certificate comes from the authority of this i")


@pytest.mark.parametrize(
    ("days", "grade", "said"),
    [
        (-3.5, "problem", "ended 3 days ago"),
        (-0.5, "problem", "ended 0 days ago"),
        (5.5, "warning", "ends in 5 days"),
        (22, "", ""),
    ],
)
def test_how_long_each_lasts(settings: Settings, days: float, grade: str, said: str) -> None:
    write_pair(settings.directory / "tls", HOST, *NAMES, days=days)
    write_pair(settings.directory / "tls" / "sni" / "a.fr", "a.fr", days=days)
    bad = found(settings)
    names = ("the certificate", "the certificate of a.fr")
    assert bad == ([(grade, f"{name} {said}") for name in names] if grade else [])


@pytest.fixture
def by_acme(settings: Settings, sqlite_template: Path) -> Settings:
    """An instance that lets an authority issue."""
    settings.data.mkdir()
    (settings.directory / "secrets").mkdir()
    shutil.copy(sqlite_template, settings.data / "mail.db")
    write_pair(settings.directory / "tls", HOST, *NAMES)
    return settings.model_copy(update={"acme": Acme(agree_to_terms=True)})


def test_whether_it_is_renewed_by_itself(by_acme: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "look", lambda _place: True)
    assert found(by_acme) == [("warning", "no certificate was asked for by ACME yet")]
    (by_acme.directory / "secrets" / "acme-account.pem").write_bytes(b"")
    assert found(by_acme) == [("warning", "no certificate was obtained by ACME yet")]
    with closing(Store(by_acme.database_url, by_acme.data, SystemClock(), Changes())) as store:
        chain = by_acme.certificate.read_text()
        lease = store.write_now(units.take_lease, 60, due_only=False)
        store.write_now(units.keep, lease, chain=chain, key=b"", next_key=None, renew=0)
        assert found(by_acme) == []
        lease = store.write_now(units.take_lease, 60, due_only=False)
        store.write_now(units.fail, lease, "limited", "five a week", 0)
        said = "renewal by ACME has failed 1 times: the authority has issued enough for now (five a week)"
        assert found(by_acme) == [("warning", said)]
        write_pair(by_acme.directory / "tls", HOST, *NAMES, days=10)
        assert found(by_acme)[-1] == ("problem", said), "the end is near"
        write_pair(by_acme.directory / "tls", HOST, *NAMES)
        lease = store.write_now(units.take_lease, 60, due_only=False)
        store.write_now(units.keep, lease, chain=chain, key=b"", next_key=None, renew=0)
        assert found(by_acme) == [("warning", "the certificate in place is not the last one that was obtained by ACME")]


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
