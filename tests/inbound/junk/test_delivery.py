"""Junk goes to Spam at delivery, with its reason; the house, whom one knows, and an untrained academy lose nothing."""

import asyncio
import smtplib
from collections.abc import Callable

import pytest
from sqlalchemy import select

from mailserver.delivery import Envelope
from mailserver.inbound.junk.teaching import teach
from mailserver.inbound.junk.verdicts import JunkFilter
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import junk, known_senders, mailboxes, messages
from mailserver.store.mail.junk import Source
from mailserver.store.mail.lessons import Said
from mailserver.store.mail.posts import digest_posts
from mailserver.store.schema.agendas import item
from mailserver.store.schema.mail.junk import junk_lesson
from mailserver.store.schema.people.rosters import digest_post
from tests.inbound.junk.samples import arrive, bad, good, taught
from tests.smtp.house import DOMAIN, LIST, PASSWORD, House

SPAMMER = "offre@casino.example"
FRIEND = "amie@casino.example"


def send(house: House, octets: bytes, *logins: str, port: str = "smtp", source: str = "127.0.0.1") -> None:
    """From a relay, or from another source: then nothing is proven, since no name server answers."""
    kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", house.ports[port], "mx.ailleurs.fr", timeout=60, source_address=(source, 0)) as client:
        addresses = [login if "@" in login else f"{login}@{DOMAIN}" for login in logins]
        assert client.sendmail("a@ailleurs.fr", addresses, octets) == {}


def places(house: House, login: str) -> tuple[int, int]:
    """How many messages are in INBOX, and in Spam."""
    return len(house.mail(login)), len(house.mail(login, "Junk"))


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
def test_junk_is_put_aside_and_says_why(house: House, port: str) -> None:
    for octets in (bad(900, SPAMMER), good(900)):
        for login in ("ada", "bob"):
            send(house, octets, login, port=port)
    assert places(house, "ada") == places(house, "bob") == (1, 1)
    (stored,) = house.mail("ada", "Junk")
    assert stored.endswith(bad(900, SPAMMER))
    account = house.people["ada"].account_id

    def look(tx: Tx) -> tuple[object, ...]:
        box = mailboxes.get(tx, account, "Junk")
        ((uid, flags, _),) = messages.state(tx, box.id)
        (row,) = messages.fetch_uids(tx, account, box.id, ("uid", "content_id"), [uid])
        return (mailboxes.keywords(tx, box.id), flags, *junk.verdict(tx, account, row[1]))

    keywords, flags, verdict, said = house.read(look)
    assert (keywords, flags, said) == (("$Junk",), 32, Said.NOTHING)
    assert isinstance(verdict, junk.Verdict)
    assert (verdict.source, verdict.threshold) == (Source.WORDS, 990)
    assert verdict.score >= 990
    assert "s:" in verdict.reasons[0] or verdict.reasons[0].isalpha()


def test_of_the_house_nothing_is_judged(house: House) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls()
        client.login("bob", PASSWORD)
        client.sendmail(f"bob@{DOMAIN}", [f"ada@{DOMAIN}"], bad(901, f"bob@{DOMAIN}"))
    send(house, bad(902, f"bob@{DOMAIN}"), "ada")
    assert places(house, "ada") == (2, 0)


def test_before_postmaster_nothing_is_judged(house: House) -> None:
    send(house, bad(903), "postmaster", "ada")
    assert places(house, "admin") == (1, 0)
    assert places(house, "ada") == (0, 1)


def test_to_postmaster_nothing_is_put_aside(house: House) -> None:
    """What an author's domain asks for holds for the others alone: whoever is put aside by mistake can say so."""
    results = AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL, quarantined=True)

    async def deliver() -> None:
        sender = house.delivery.outsider("a@ailleurs.fr")
        addresses = (f"postmaster@{DOMAIN}", f"ada@{DOMAIN}")
        recipients = tuple([await house.delivery.resolve(one, sender=sender) for one in addresses])
        await house.delivery.deliver(Envelope("a@ailleurs.fr", recipients, sender, results=results), good(940))

    house.run(deliver())
    assert (places(house, "admin"), places(house, "ada")) == ((1, 0), (0, 1))


def test_members_of_a_list(house: House) -> None:
    send(house, bad(904), LIST)
    send(house, good(904), LIST)
    assert places(house, "ada") == places(house, "bob") == (1, 1)


def test_members_of_a_list_who_wait_for_its_digest(house: House) -> None:
    house.store.write_now(digest_posts.choose, LIST, house.people["ada"].account_id, digest=True)
    for octets in (bad(944), good(944)):
        send(house, octets, LIST)
    assert places(house, "ada") == (0, 1)
    assert places(house, "bob") == (1, 1)
    waiting = house.read(lambda tx: tx.execute(select(digest_post.c.accounts)).scalars().all())
    assert len(waiting) == 1, "the good one"
    house.store.write_now(digest_posts.forget_list, LIST)


def rescued(tx: Tx, account: int) -> None:
    came = arrive(tx, account, good(905, FRIEND), "Junk")
    inbox = mailboxes.get(tx, account, "INBOX").id
    messages.move(tx, account, came.mailbox_id, inbox, [came.uid])


def written(tx: Tx, account: int) -> None:
    octets = f"From: ada@{DOMAIN}\r\nTo: Offre <{FRIEND}>\r\nSubject: x\r\n\r\nx\r\n".encode()
    arrive(tx, account, octets, "Sent", Provenance(Door.KEPT, account))


def shown(tx: Tx, account: int) -> None:
    known_senders.show_pictures(tx, account, FRIEND)


def safe(tx: Tx, account: int) -> None:
    known_senders.trust(tx, account, FRIEND)


def carded(tx: Tx, account: int) -> None:
    agendas.provision(tx, account)
    book = next(one for one in agendas.listing(tx, account) if one.tag == "VADDRESSBOOK")
    text = f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u1\r\nFN:Offre\r\nEMAIL:{FRIEND}\r\nEND:VCARD\r\n"
    agenda_items.put(tx, account, book.id, agenda_items.NewItem("u1.vcf", "u1", "e1", "VCARD", "", 0, 0, text))


def forget(house: House, account: int) -> None:
    """Nobody is known any more."""
    for one in (known_senders.hide_pictures, known_senders.distrust):
        house.store.write_now(one, account, FRIEND)
    house.store.write_now(lambda tx: tx.execute(junk_lesson.delete().where(junk_lesson.c.account_id == account)))
    house.store.write_now(lambda tx: tx.execute(item.delete()))


@pytest.mark.parametrize("knows", [rescued, written, shown, safe, carded])
def test_whom_one_knows(house: House, knows: Callable[[Tx, int], None]) -> None:
    account = house.people["ada"].account_id
    house.store.write_now(knows, account)
    before = len(house.mail("ada"))
    send(house, bad(906, f"Offre <{FRIEND}>"), "ada", "bob")
    assert places(house, "ada") == (before + 1, 0)
    assert places(house, "bob") == (0, 1)
    # Somebody else who writes their address into From is nobody they know.
    send(house, bad(906, f"Offre <{FRIEND}>"), "ada", source="127.0.0.2")
    assert places(house, "ada") == (before + 1, 1)
    forget(house, account)


def test_a_harmless_message_first_makes_nobody_known(house: House) -> None:
    send(house, good(931, FRIEND), "ada")
    send(house, bad(931, FRIEND), "ada")
    assert places(house, "ada") == (1, 1)


def test_whom_many_know(house: House) -> None:
    """Of many recipients only what is looked up counts: nobody's cards and sent messages are read through."""
    account = house.people["ada"].account_id
    strangers = [10_000_000 + number for number in range(2 * junk.MOST_CLOSELY)]
    house.store.write_now(written, account)
    assert house.read(junk.who_know, [account, *strangers[:10]], FRIEND) == {account}
    assert house.read(junk.who_know, [account, *strangers], FRIEND) == set()
    house.store.write_now(safe, account)
    assert house.read(junk.who_know, [account, *strangers], FRIEND) == {account}
    forget(house, account)


def test_no_part_of_an_address_is_the_address(house: House) -> None:
    account = house.people["ada"].account_id
    house.store.write_now(written, account)
    for number, sender in enumerate(("ie@casino.example", f"x{FRIEND}", f"{FRIEND}.org", "%@%", "a___@casino.example")):
        send(house, bad(910 + number, sender), "ada")
    assert len(house.mail("ada", "Junk")) == 5


def test_a_stranger_in_spam_or_trash_stays_one(house: House) -> None:
    account = house.people["ada"].account_id
    for box in ("Junk", "Trash"):
        house.store.write_now(arrive, account, good(907, SPAMMER), box)
    send(house, bad(907, SPAMMER), "ada")
    assert places(house, "ada") == (0, 2)


def test_what_an_account_has_taught_stands_first(house: House) -> None:
    account = house.people["eve"].account_id
    asyncio.run(teach(house.store, account, [one._replace(spam=one.ham, ham=one.spam) for one in taught(60)]))
    send(house, bad(908), "eve", "ada")
    send(house, good(1908), "eve", "ada")
    assert places(house, "ada") == (1, 1)
    (aside,) = house.mail("eve", "Junk")
    assert aside.endswith(good(1908))
    house.store.write_now(junk.forget, account)


def test_turned_off_or_untrained_nothing_is_judged(trained: House) -> None:
    def judged(settings: dict[str, object]) -> bool:
        changed = trained.settings.model_copy(update={"junk": trained.settings.junk.model_copy(update=settings)})
        one = JunkFilter(settings=changed, store=trained.store)
        return bool(trained.run(one.judge(bad(909), None, [trained.people["ada"].account_id])))

    assert judged({})
    assert not judged({"filter": False})
    assert not judged({"least": 61})


def test_a_folder_that_is_gone_is_made_again(house: House) -> None:
    account = house.people["zoe"].account_id
    house.store.write_now(lambda tx: mailboxes.provision(tx, account))
    house.store.write_now(mailboxes.remove, account, "Junk")
    send(house, bad(920), "zoe")
    assert places(house, "zoe") == (0, 1)
    box = house.read(mailboxes.by_use, account, "\\Junk")
    assert box is not None
