"""Whatever leaves is signed on its way out, by every key that signs; without one it waits."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import dkim  # type: ignore[import-untyped]
import pytest

from mailserver.inbound.authentication import dkim_check, keys
from mailserver.inbound.authentication.dkim_check import Bodies
from mailserver.inbound.authentication.signatures import Header, Signature
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.messages.authentication import Outcome
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.outbound.submission.signatures import signing_keys
from mailserver.outbound.submission.signatures.dkim import Algorithm, header_end
from mailserver.outbound.submission.signatures.signing_keys import record_of
from mailserver.store.engine.transactions import Tx
from mailserver.store.queue import spool
from mailserver.store.queue.outbound import dkim_keys
from mailserver.store.queue.outbound.dkim_keys import DkimKey, State
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.filtering import FRIEND, filters_of, letter, send
from tests.smtp.house import DOMAIN, House
from tests.waiting import until

ADA = f"ada@{DOMAIN}"
MESSAGE = f"From: Ada <{ADA}>\r\nTo: x@ailleurs.fr\r\nSubject: x\r\n\r\nBonjour  \r\n\r\nfin\r\n\r\n".encode()


@pytest.fixture
def smarthost() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere().start()
    yield elsewhere
    elsewhere.stop()


@pytest.fixture
def house(make_house: HouseMaker, smarthost: Elsewhere) -> House:
    outbound = {"smarthost": smarthost.target, "retry": (1,), "timeout": 5}
    return make_house(outbound=outbound, filters={"redirect": "anywhere"})


def submit(house: House, octets: bytes = MESSAGE, *recipients: str) -> None:
    house.run(house.submission.submit(house.people["ada"], ADA, recipients or ("x@ailleurs.fr",), octets))


def known(house: House) -> dict[str, DkimKey]:
    return {one.selector: one for one in house.read(dkim_keys.every)}


def make(house: House, algorithm: Algorithm) -> str:
    """A key that signs from now on."""
    key = signing_keys.fresh(house.settings, algorithm, 0)

    def unit(tx: Tx) -> str:
        made = signing_keys.keep(tx, key, house.settings.dkim_selector)
        dkim_keys.mark_seen(tx, made.selector)
        dkim_keys.activate(tx, made.selector)
        return made.selector

    return house.store.write_now(unit)


def outcomes(house: House, octets: bytes) -> dict[tuple[str, str], Outcome]:
    """By selector and domain, as another server finds out that reads our records."""
    end = header_end(octets)
    header = Header(octets[:end])
    signed = [one for one in dkim_check.read(header) if isinstance(one, Signature)]
    bodies = Bodies(signed)
    bodies.take([octets[end + 2 :]])
    records = {one.key_name: keys.read([record_of(known(house)[one.selector]).encode()]) for one in signed}
    return {(one.selector, one.domain): dkim_check.verify(header, one, records, bodies).outcome for one in signed}


def test_each_key_signs_and_nothing_may_be_changed(house: House, smarthost: Elsewhere) -> None:
    house.start_relay()
    submit(house)
    until(lambda: len(smarthost.inbox.octets) == 1)
    first = smarthost.inbox.octets[0]
    assert outcomes(house, first) == {("s1", DOMAIN): Outcome.PASS}
    record = record_of(known(house)["s1"]).encode()
    asked = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record

    assert dkim.verify(first, dnsfunc=dns)
    assert asked == [f"s1._domainkey.{DOMAIN}.".encode()]
    assert not dkim.verify(first.replace(b"fin", b"nif"), dnsfunc=dns)
    assert not dkim.verify(first.replace(b"Subject: x", b"Subject: y"), dnsfunc=dns)
    assert not dkim.verify(b"From: other@x.fr\r\n" + first, dnsfunc=dns), "a second From is not covered"
    house.stop_relays()
    second = make(house, Algorithm.ED25519)
    house.start_relay()
    submit(house, MESSAGE, "x@ailleurs.fr", "y@autre.fr")
    until(lambda: len(smarthost.inbox.octets) == 3)
    assert smarthost.inbox.octets[1] == smarthost.inbox.octets[2], "signed once for all domains"
    assert outcomes(house, smarthost.inbox.octets[1]) == {
        ("s1", DOMAIN): Outcome.PASS,
        (second, DOMAIN): Outcome.PASS,
    }


def test_mail_waits_for_a_key_that_is_missing(make_house: HouseMaker, smarthost: Elsewhere) -> None:
    house = make_house(outbound={"smarthost": smarthost.target, "retry": (3600,), "timeout": 5})
    file = house.settings.secrets / "dkim-s1.pem"
    shutil.move(file, file.with_suffix(".away"))
    house.start_relay()
    submit(house)
    until(lambda: [one.error for one in house.read(spool.show)] == [spool.UNSIGNED])
    assert smarthost.inbox.octets == []
    shutil.move(file.with_suffix(".away"), file)
    submit(house)  # it is found by the next message, and nobody waits an hour
    until(lambda: len(smarthost.inbox.octets) == 2)
    assert [list(outcomes(house, one).values()) for one in smarthost.inbox.octets] == [[Outcome.PASS]] * 2
    assert known(house)["s1"].state is State.ACTIVE


def test_mail_waits_for_a_key_that_does_not_open(house: House, smarthost: Elsewhere) -> None:
    """Its row is there, and the secret it was sealed under is another one."""
    make(house, Algorithm.RSA)
    secret: Path = house.settings.secrets / "hmac"
    right = secret.read_bytes()
    secret.write_bytes(b"another secret, of another instance")
    house.start_relay()
    submit(house)
    until(lambda: [one.error for one in house.read(spool.show)] == [spool.UNSIGNED])
    secret.write_bytes(right)
    until(lambda: len(smarthost.inbox.octets) == 1)
    assert set(outcomes(house, smarthost.inbox.octets[0]).values()) == {Outcome.PASS}


def test_keys_are_opened_without_being_examined_again(house: House) -> None:
    """Each worker does so every few seconds; an RSA key that is examined holds the interpreter for 150 ms."""
    make(house, Algorithm.RSA)
    active = [one for one in known(house).values() if one.state is State.ACTIVE]
    begun = time.thread_time()
    for _ in range(20):
        signing_keys.opened(house.settings, active)
    assert time.thread_time() - begun < 1


def test_whoever_writes_and_whatever_is_passed_on(house: House, smarthost: Elsewhere) -> None:
    """An absence and a report are ours; what others wrote is not, whoever passes it on."""
    filters_of(house, "ada", 'require "vacation"; vacation :subject "Absente" "Je reviens lundi.";')
    filters_of(house, "bob", 'require "copy"; redirect :copy "bob@ailleurs.fr";')
    house.start_relay()
    send(house, letter())
    send(house, letter(to=f"bob@{DOMAIN}"), f"bob@{DOMAIN}")
    to = [Correspondent("", "encore@ailleurs.fr")]
    house.run(house.submission.resend(house.people["ada"], to, letter(), Provenance(Door.SMTP)))
    house.run(house.submission.post("recteur@ailleurs.fr", MESSAGE))
    until(lambda: len(smarthost.inbox.taken) == 4)
    found = {
        one.rcpt_tos[0]: set(outcomes(house, bytes(one.original_content or b"")).values())
        for one in smarthost.inbox.taken
    }
    ours, theirs = {Outcome.PASS}, set[Outcome]()
    assert found == {
        FRIEND: ours,
        "recteur@ailleurs.fr": ours,
        "bob@ailleurs.fr": theirs,
        "encore@ailleurs.fr": theirs,
    }


def test_where_a_smarthost_signs_nothing_waits(make_house: HouseMaker, smarthost: Elsewhere) -> None:
    house = make_house(outbound={"smarthost": smarthost.target, "sign": False})
    (house.settings.secrets / "dkim-s1.pem").unlink()
    house.start_relay()
    submit(house)
    until(lambda: len(smarthost.inbox.octets) == 1)
    assert b"DKIM-Signature" not in smarthost.inbox.octets[0]
