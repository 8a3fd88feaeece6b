"""Messages that their sender wants to go over TLS alone (REQUIRETLS, RFC 8689): kept with them on every way."""

import datetime
import email
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from email import policy
from pathlib import Path

import pytest
from sqlalchemy import select

from mailserver.foundation.tls import AUTHORITY, make_certificate
from mailserver.outbound.submission import outcomes
from mailserver.outbound.submission.outcomes import Fate, State
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail.posts import digest_posts
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import outbox, spool
from mailserver.store.queue.held import held_submissions, moderation_queue, unconfirmed
from mailserver.store.queue.spool import Target
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient
from mailserver.texts import delivery_reasons
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.elsewhere import Elsewhere, Names
from tests.smtp.filtering import filters_of
from tests.smtp.house import DOMAIN, LIST, House
from tests.waiting import until

ADA, BOB = f"ada@{DOMAIN}", f"bob@{DOMAIN}"
OUTSIDE = "x@ailleurs.fr"
MESSAGE_ID = f"<note@{DOMAIN}>"
MESSAGE = (
    f"From: <{ADA}>\r\nTo: {OUTSIDE}\r\nSubject: Note\r\nMessage-ID: {MESSAGE_ID}\r\nTLS-Required: No\r\n\r\nsecret\r\n"
).encode()
MX = "mx.ailleurs.fr"
SECOND = "mx2.ailleurs.fr"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a certificate for both servers, and of the authority that signed it."""
    folder = tmp_path_factory.mktemp("identity")
    make_certificate(folder / "cert.pem", folder / "key.pem", [MX, SECOND], datetime.datetime.now(datetime.UTC))
    return folder


@pytest.fixture
def trust(identity: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(identity / AUTHORITY))


@pytest.fixture
def elsewhere(identity: Path) -> Iterator[Elsewhere]:
    """Has a certificate that proves its name, and offers REQUIRETLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
    made = Elsewhere(tls=context)
    made.inbox.extensions = ("REQUIRETLS",)
    yield made.start()
    made.stop()


@pytest.fixture
def names() -> Iterator[Names]:
    """DNSSEC says which servers are the domain's."""
    made = Names()
    made.known = {("ailleurs.fr", "MX"): [f"10 {MX}."], (MX, "A"): ["127.0.0.1"]}
    made.signed = {"ailleurs.fr"}
    yield made
    made.stop()


OpenHouse = Callable[..., House]


@pytest.fixture
def open_house(make_house: HouseMaker, names: Names, trust: ssl.SSLContext, elsewhere: Elsewhere) -> OpenHouse:
    def do(trusted: ssl.SSLContext = trust, **outbound: object) -> House:
        house = make_house(outbound={"port": elsewhere.port, "retry": (60,), **outbound})
        house.start_relay(resolver=names.resolver(), trust=trusted)
        return house

    return do


def submit(house: House, ret: str = "") -> None:
    house.run(house.submission.submit(house.people["ada"], ADA, (OUTSIDE,), MESSAGE, require_tls=True, ret=ret))


def report(house: House) -> str:
    """What Ada is told."""
    until(lambda: house.mail("ada"))
    (found,) = (email.message_from_bytes(one, policy=policy.default) for one in house.mail("ada"))
    assert found.get_content_type() == "multipart/report"
    return found.as_string()


def quoted_printable(said: str) -> str:
    """A report's texts, decoded."""
    parts = email.message_from_string(said, policy=policy.default).walk()
    return "\n".join(part.get_content() for part in parts if part.get_content_type() == "text/plain")


def fates(house: House) -> Sequence[Fate]:
    """What Ada is shown of her message."""
    found = house.read(outcomes.of, house.people["ada"].account_id, MESSAGE_ID, frozenset((DOMAIN,)))
    assert found is not None
    return found.known


def test_over_tls_to_a_server_that_is_proven_and_promises_the_same(open_house: OpenHouse, elsewhere: Elsewhere) -> None:
    """TLS-Required in the header changes nothing (RFC 8689 section 3)."""
    house = open_house()
    submit(house)
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [True]
    (mail,) = (one for one in elsewhere.inbox.said if one.startswith("MAIL"))
    assert mail.endswith(" REQUIRETLS")


def test_a_server_that_promises_nothing_gets_nothing_and_no_body_comes_back(
    open_house: OpenHouse, elsewhere: Elsewhere
) -> None:
    elsewhere.inbox.extensions = ()
    house = open_house()
    submit(house, ret="FULL")
    said = report(house)
    assert "Status: 5.7.30" in said
    assert "Le chiffrement est exigé pour ce message" in quoted_printable(said)
    assert "Subject: Note" in said
    assert "secret" not in said
    assert not any(one.startswith("MAIL") for one in elsewhere.inbox.said)
    house.run(house.submission.submit(house.people["ada"], ADA, (OUTSIDE,), MESSAGE))
    until(lambda: elsewhere.inbox.taken)  # the destination is not left alone for it


def test_servers_that_nothing_proves_to_be_the_domains_get_nothing(
    open_house: OpenHouse, elsewhere: Elsewhere, names: Names
) -> None:
    names.signed.clear()
    house = open_house()
    submit(house)
    said = report(house)
    assert "Status: 5.7.30" in said
    assert elsewhere.inbox.said == []


def test_a_certificate_of_nobody_known(open_house: OpenHouse, elsewhere: Elsewhere) -> None:
    house = open_house(ssl.create_default_context())
    submit(house)
    said = report(house)
    assert "Status: 5.7.10" in said
    assert "Le chiffrement est exigé pour ce message" in quoted_printable(said)
    assert elsewhere.inbox.taken == []
    (fate,) = fates(house)
    assert fate.state is State.FAILED
    why = delivery_reasons.explain(fate.status, fate.said)
    assert "aucun serveur de ce destinataire ne le garantit" in why.why.to("fr")


def test_a_server_without_tls(make_house: HouseMaker, names: Names, trust: ssl.SSLContext) -> None:
    plain = Elsewhere()
    plain.inbox.extensions = ("REQUIRETLS",)
    plain.start()
    house = make_house(outbound={"port": plain.port})
    house.start_relay(resolver=names.resolver(), trust=trust)
    submit(house)
    assert "Status: 5.7.10" in report(house)
    house.stop_relays()
    plain.stop()


def test_the_server_that_does_it_is_found_among_others(
    open_house: OpenHouse, elsewhere: Elsewhere, names: Names, trust: ssl.SSLContext
) -> None:
    names.known["ailleurs.fr", "MX"] = ["5 mx-other.ailleurs.fr.", f"10 {SECOND}."]
    names.known |= {("mx-other.ailleurs.fr", "A"): ["127.0.0.1"], (SECOND, "A"): ["127.0.0.1"]}
    house = open_house()
    submit(house)
    until(lambda: elsewhere.inbox.taken)
    assert elsewhere.inbox.tls == [True]


def test_what_was_not_reached_is_tried_again(open_house: OpenHouse, elsewhere: Elsewhere) -> None:
    elsewhere.stop()
    house = open_house()
    submit(house)
    until(lambda: house.read(spool.show)[0].error)
    assert house.mail("ada") == []


# ---------------------------------------------------------------------- kept on every way


def demands(house: House) -> dict[str, int]:
    """By recipient, whether what is queued for them demands TLS."""

    def look(tx: Tx) -> dict[str, int]:
        rows = tx.execute(
            select(queued_recipient.c.address, queued.c.require_tls)
            .join(queued_domain, queued_domain.c.id == queued_recipient.c.domain_id)
            .join(queued, queued.c.id == queued_domain.c.queued_id)
        )
        return {row.address: row.require_tls for row in rows}

    return house.read(look)


def deliver(house: House, *to: str, sender: str = "amie@loin.fr") -> None:
    """From another server."""
    with smtplib.SMTP("127.0.0.1", house.ports["smtp"], timeout=60) as door:
        door.starttls(context=tls_context())
        door.ehlo()
        assert door.has_extn("requiretls")
        assert door.mail(sender, ["REQUIRETLS"])[0] == 250
        for one in to:
            assert door.rcpt(one)[0] == 250
        octets = f"From: <{sender}>\r\nTo: {to[0]}\r\nSubject: Note\r\n\r\nBonjour\r\n".encode()
        assert door.data(octets)[0] == 250


def test_filters_and_lists_keep_it(make_house: HouseMaker) -> None:
    house = make_house(filters={"redirect": "anywhere"})
    filters_of(house, "bob", 'require ["copy", "vacation"]; redirect :copy "bob@maison.fr"; vacation "Absent";')
    deliver(house, BOB, LIST)
    assert demands(house) == {"bob@maison.fr": 1, "amie@loin.fr": 1, "amie@ailleurs.fr": 1}


def test_what_a_list_asks_its_owners_goes_over_tls_too_and_no_digest_has_it(make_house: HouseMaker) -> None:
    """RFC 8689 section 6: approval requests, too. In a digest, the filter of whoever gets it would not know."""
    house = make_house(filters={"redirect": "anywhere"})

    def moderated(tx: Tx) -> None:
        lists.set_owners(tx, LIST, ("gardien@ailleurs.fr",))
        lists.change(tx, LIST, {"moderated": 1})

    house.store.write_now(moderated)
    deliver(house, LIST)
    assert demands(house) == {"gardien@ailleurs.fr": 1}

    def digested(tx: Tx) -> None:
        lists.change(tx, LIST, {"moderated": 0, "digest": 1})

    house.store.write_now(digested)
    deliver(house, LIST)
    assert house.mail("bob")
    assert demands(house)["amie@ailleurs.fr"] == 1
    assert house.read(digest_posts.pending, LIST) == []


def test_it_is_kept_while_a_message_waits(make_house: HouseMaker) -> None:
    house = make_house(
        sending={"teachers": {"minute": (1, 9), "ten_minutes": (1, 9), "hour": (1, 9), "ten_hours": (1, 9)}}
    )
    account_id = house.people["ada"].account_id
    nir = MESSAGE.replace(b"secret", b"1 85 05 78 006 084 91")
    ada = house.people["ada"]
    later = int(house.clock.now()) + 3600
    house.run(house.submission.submit(ada, ADA, (OUTSIDE,), nir, require_tls=True))
    house.run(house.submission.submit(ada, ADA, (OUTSIDE,), MESSAGE, require_tls=True, due=later, keeps=True))
    for _ in range(2):
        house.run(house.submission.submit(ada, ADA, (Target(OUTSIDE), "y@ailleurs.fr"), MESSAGE, require_tls=True))
    (asked,) = house.read(unconfirmed.listing, account_id)
    (planned,) = house.read(outbox.listing, account_id)
    held = house.read(held_submissions.of_account, account_id)
    assert asked.sent.require_tls
    assert planned.terms.program is not None
    assert planned.terms.program.require_tls
    assert [one.options.require_tls for one in held] == [True] * len(held)
    assert held

    def moderated(tx: Tx) -> None:
        lists.change(tx, LIST, {"moderated": 1})

    house.store.write_now(moderated)
    deliver(house, LIST)
    (waiting,) = house.read(moderation_queue.waiting)
    assert waiting.require_tls


def test_a_report_to_elsewhere_goes_over_tls_too(open_house: OpenHouse, elsewhere: Elsewhere) -> None:
    """RFC 8689 section 5: what comes back is protected as what went."""
    house = open_house()
    filters_of(house, "eve", 'require "reject"; reject "Non.";')
    deliver(house, f"eve@{DOMAIN}", BOB, sender=OUTSIDE)
    until(lambda: elsewhere.inbox.taken)
    assert any(one.startswith("MAIL <> ") and one.endswith("REQUIRETLS") for one in elsewhere.inbox.said)
