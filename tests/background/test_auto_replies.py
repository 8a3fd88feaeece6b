"""A closed account takes its mail and answers it for a while, as RFC 3834 has it; then it is unknown."""

import asyncio
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.people import lifecycle
from mailserver.foundation.settings import Accounts
from mailserver.mime.body.scanning import scan
from mailserver.mime.body.structure import Part, unpack
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.notices import house as house_
from mailserver.notices.accounts import away
from mailserver.store.mail import access, blobs, messages
from tests.background.conftest import DAY, House, text_of

ADDRESS = "emilie.dupont@ac-exemple.fr"
FRIEND = "amie@ailleurs.fr"


def letter(*fields: str, to: str = ADDRESS, subject: str = "Réunion") -> bytes:
    lines = (f"From: {FRIEND}", f"To: {to}", f"Subject: {subject}", "Message-ID: <m1@ailleurs.fr>", *fields)
    return "".join(f"{line}\r\n" for line in (*lines, "", "Bonjour")).encode()


async def closed(house: House, reply: str = "") -> Principal:
    person = await house.person()
    await house.deliver(ADDRESS, letter(subject="avant"))
    await close(house, reply)
    return person


async def close(house: House, reply: str = "") -> None:
    house.clock.step(5)
    now = int(house.clock.now())
    await house.accounts.close("edupont", "parti", lifecycle.farewell(house.settings.accounts, now, reply=reply))
    house.clock.step(1)


async def test_what_somebody_put_there_is_not_answered(house: House) -> None:
    """Whoever may append to a mailbox would name whom it answers."""
    person = await closed(house)
    forged = blobs.prepare(return_path("victime@ailleurs.fr") + letter(), house.store.data / "blobs")
    viewer = access.Viewer(person.account_id)
    await house.store.write(access.append, viewer, "INBOX", [(forged, (), None)], messages.NO_QUOTA)
    await house.deliver(ADDRESS, letter())
    await house.round()
    assert [to for to, _ in await house.outgoing()] == [FRIEND]


@pytest.mark.parametrize("spf", [Outcome.FAIL, Outcome.SOFTFAIL])
async def test_whoever_is_not_proven_is_not_answered(house: House, spf: Outcome) -> None:
    """The victim of a forgery never wrote to us."""
    await closed(house)
    await house.deliver(ADDRESS, letter(), "victime@ailleurs.fr", AuthenticationResults(spf, dmarc=Alignment.NONE))
    await house.deliver(ADDRESS, letter())
    await house.round()
    assert [to for to, _ in await house.outgoing()] == [FRIEND]


async def test_answered_once_a_week(house: House) -> None:
    person = await closed(house)
    await house.deliver(ADDRESS, letter())
    await house.deliver("edupont@ac-exemple.fr", letter(to="Emilie <EDUPONT@ac-exemple.fr>"), "autre@ailleurs.fr")
    await house.round()
    answers = await house.outgoing()
    assert [to for to, _ in answers] == [FRIEND, "autre@ailleurs.fr"], "what was there before is not answered"
    answer = answers[0][1]
    assert answer["Auto-Submitted"] == "auto-replied"
    assert answer["In-Reply-To"] == "<m1@ailleurs.fr>"
    assert str(make_header(decode_header(answer["Subject"]))) == "Réponse automatique / Automatic reply : Réunion"
    assert answer["From"].endswith(f"<{ADDRESS}>")
    text = text_of(answer)
    assert text.index("n'utilise plus cette adresse") < text.index("no longer uses this address")
    await house.deliver(ADDRESS, letter())
    await house.round(6 * DAY)
    assert len(await house.outgoing()) == 2
    await house.round(DAY)
    await house.deliver(ADDRESS, letter())
    await house.round()
    assert len(await house.outgoing()) == 3
    assert len(await house.inbox(person)) == 5, "all of it was stored, should the account come back"


async def test_the_text_that_was_given(house: House) -> None:
    await closed(house, "Écrivez à accueil@ac-exemple.fr.\nWrite to the front desk.")
    await house.deliver(ADDRESS, letter())
    await house.round()
    ((_, answer),) = await house.outgoing()
    assert text_of(answer).replace("\r\n", "\n") == "Écrivez à accueil@ac-exemple.fr.\nWrite to the front desk.\n"


UNANSWERED = (
    ("", letter()),
    (FRIEND, letter("Auto-Submitted: auto-generated")),
    (FRIEND, letter("Auto-Submitted: auto-replied; x=y")),
    (FRIEND, letter("Precedence: bulk")),
    (FRIEND, letter("List-Id: <equipe.ac-exemple.fr>")),
    (FRIEND, letter("List-Unsubscribe: <https://ailleurs.fr>")),
    (FRIEND, letter("X-Auto-Response-Suppress: All")),
    ("MAILER-DAEMON@ailleurs.fr", letter()),
    ("noreply@ailleurs.fr", letter()),
    ("no-reply+tag@ailleurs.fr", letter()),
    ("owner-equipe@ailleurs.fr", letter()),
    ("equipe-request@ailleurs.fr", letter()),
    (ADDRESS, letter()),
    (FRIEND, letter(to="quelqu.un@ailleurs.fr")),
    (FRIEND, b"\r\nno header at all"),
    (FRIEND, b"To: " + b"a," * 5000 + b"\r\n\r\n"),
)


async def test_what_is_not_answered(house: House) -> None:
    """Lists, machines, reports, bulk, blind copies, one's own answers."""
    person = await closed(house)
    for count, (sender, octets) in enumerate(UNANSWERED, 2):
        await house.deliver(ADDRESS, octets, sender)
        await house.round()
        assert await house.outgoing() == [], (sender, octets[:100])
        assert len(await house.inbox(person)) == count
    await house.deliver(ADDRESS, letter("Auto-Submitted: no"))
    await house.round()
    assert len(await house.outgoing()) == 1


async def test_a_colleague_is_answered_in_their_mailbox(house: House) -> None:
    colleague = await house.person("Marc", "Martin")
    await closed(house)
    await house.deliver(ADDRESS, letter(), colleague.address)
    await house.round()
    (answer,) = await house.inbox(colleague)
    assert answer["Auto-Submitted"] == "auto-replied"
    assert await house.outgoing() == []


async def test_two_closed_accounts_do_not_write_to_each_other(house: House) -> None:
    other = await house.person("Marc", "Martin")
    await closed(house)
    await house.accounts.close("mmartin", "", lifecycle.farewell(house.settings.accounts, int(house.clock.now())))
    await house.deliver(ADDRESS, letter(), other.address)
    for _ in range(4):
        await house.round()
    assert len(await house.inbox(other)) == 1


async def test_afterwards_it_is_unknown(house: House) -> None:
    await closed(house)
    house.clock.step(house.settings.accounts.reply_days * DAY)
    with pytest.raises(Refused) as refused:
        await house.deliver(ADDRESS, letter())
    assert refused.value.reason is Reason.NO_SUCH_RECIPIENT
    with pytest.raises(Refused) as nobody:
        await house.deliver("personne@ac-exemple.fr", letter())
    assert (nobody.value.reason, nobody.value.text) == (refused.value.reason, refused.value.text)


async def test_closed_without_an_answer_takes_nothing(house: House) -> None:
    await house.person()
    await house.accounts.close("edupont", "parti")
    house.clock.step(3)
    with pytest.raises(Refused) as refused:
        await house.deliver(ADDRESS, letter())
    assert refused.value.reason is Reason.NO_SUCH_RECIPIENT


async def test_restored_and_closed_again(house: House) -> None:
    """What came while the account was open is not answered."""
    await closed(house)
    await house.accounts.restore("edupont")
    house.clock.step(3)
    await house.deliver(ADDRESS, letter())
    await close(house)
    await house.round()
    assert await house.outgoing() == []
    await house.deliver(ADDRESS, letter())
    await house.round()
    assert len(await house.outgoing()) == 1


async def test_two_housekeepers_answer_once(house: House) -> None:
    await closed(house)
    for number in range(5):
        await house.deliver(ADDRESS, letter(), f"amie{number}@ailleurs.fr")
    house.clock.step(5)
    other = house.another()
    await asyncio.gather(*(worker.housekeeper._answers.answer() for worker in (house.worker, other)))
    assert sorted(to for to, _ in await house.outgoing()) == [f"amie{number}@ailleurs.fr" for number in range(5)]


async def test_the_text_of_the_settings(house: House) -> None:
    changed = house.settings.model_copy(update={"accounts": Accounts(reply_text="Fermé. / Closed.")})
    assert house.settings.adopt(changed).taken == ("accounts.reply_text",)
    await closed(house)
    await house.deliver(ADDRESS, letter())
    await house.round()
    ((_, answer),) = await house.outgoing()
    assert text_of(answer).strip() == "Fermé. / Closed."


async def test_one_that_fails_stops_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect about one message or person is logged; the others have their turn."""
    await closed(house)
    for number in range(3):
        await house.deliver(ADDRESS, letter(subject=f"N {number}"), f"amie{number}@ailleurs.fr")
    build = away.build

    def fragile(
        house: house_.House, gone: away.Gone, to: str, octets: bytes, message: Part, *, token: bytes, now: float
    ) -> bytes:
        if to.startswith("amie1"):
            raise ValueError("a defect")
        return build(house, gone, to, octets, message, token=token, now=now)

    monkeypatch.setattr(away, "build", fragile)
    await house.person(surname="Neuf", activated=False, recovery_address="neuf@ailleurs.fr")
    await house.round()
    assert {to for to, _ in await house.outgoing()} == {
        "amie0@ailleurs.fr",
        "amie2@ailleurs.fr",
        "neuf@ailleurs.fr",
    }


@given(st.binary(max_size=400))
def test_any_header_is_borne(octets: bytes) -> None:
    gone = away.Gone("E", ADDRESS, frozenset({ADDRESS}))
    for whole in (octets, b"Return-Path: <" + octets + b">\r\nTo: " + ADDRESS.encode() + b"\r\n\r\n"):
        sender = away.sender_to_answer(whole, unpack(scan(whole).parts), gone)
        assert isinstance(sender, str)
        assert len(sender) <= away.MAX_PATH
