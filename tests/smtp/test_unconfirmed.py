"""What leaves for the outside by a mail program and gives something away: it waits, its author is told and decides."""

import asyncio
import email
import smtplib
from email import policy
from email.message import EmailMessage

import pytest
import typst

from mailserver.model.clock import HOUR
from mailserver.model.errors import Reason, Refused
from mailserver.outbound.submission.departure import Outcome
from mailserver.outbound.submission.waiting.confirmed import UnconfirmedMail
from mailserver.policy.dlp.checker import MAX_TRIES
from mailserver.policy.dlp.passwords import MAX_WORDS
from mailserver.store.queue import spool, traces
from mailserver.store.queue.held import unconfirmed
from mailserver.store.queue.held.unconfirmed import Unconfirmed
from mailserver.store.queue.traces import Step, Wanted
from mailserver.store.record import audit, trusted_clock
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.outgoing.sending import unconfirmed_submission
from mailserver.store.upkeep import erasure
from tests.clocks import StandingClock
from tests.previews.files import docx, word, xlsx
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.filtering import ADA, BOB
from tests.smtp.house import PASSWORD, House

OUTSIDE = "parent@ailleurs.fr"
NIR = "1 85 05 78 006 084 91"
ORIGIN = Origin("ada", "test")


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def house(make_house: HouseMaker, clock: StandingClock) -> House:
    return make_house(clock=clock)


def letter(text: str, *, html: bool = False, to: str = OUTSIDE) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ADA, to, "Dossier"
    message.set_content(text, subtype="html" if html else "plain")
    return message


def submit(house: House, message: EmailMessage, *to: str) -> Outcome:
    octets = message.as_bytes(policy=policy.SMTP)
    return house.run(house.submission.submit(house.people["ada"], ADA, to or (OUTSIDE,), octets))


def waiting(house: House) -> list[Unconfirmed]:
    return house.read(unconfirmed.listing, house.people["ada"].account_id)


def decides(house: House) -> UnconfirmedMail:
    return UnconfirmedMail(
        settings=house.settings,
        store=house.store,
        delivery=house.delivery,
        submission=house.submission,
        clock=house.clock,
    )


def verdicts(house: House) -> list[str]:
    rows = house.read(audit.find, audit.Wanted(action=Action.LETTER_CONFIRMED), 9)
    assert not any("85" in str(row.detail.values.get("kinds")) for row in rows)
    return [str(row.detail).rpartition(": ")[2] for row in rows]


def test_a_mail_program_is_told_and_the_author_decides(house: House) -> None:
    octets = letter(f"Le numéro de l’élève : {NIR}").as_bytes(policy=policy.SMTP)
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as door:
        door.starttls(context=tls_context())
        door.login("ada", PASSWORD)
        door.mail(ADA)
        door.rcpt(OUTSIDE)
        door.rcpt(BOB, ["NOTIFY=SUCCESS"])
        code, said = door.data(octets)
    assert code == 250
    assert b"held as" in said
    assert b"confirm" in said
    assert (house.read(spool.show), house.mail("bob")) == ([], [])
    (notice,) = (email.message_from_bytes(one, policy=policy.default) for one in house.mail("ada"))
    text = notice.get_content()
    assert "/m/envois/a-confirmer" in text
    assert "NIR" in text
    assert "85 05" not in text
    (one,) = waiting(house)
    assert [step.step for step in house.read(traces.find, Wanted(0, 2**40, ADA), 9).rows] == [Step.HELD]
    ada = house.people["ada"]
    found = house.run(decides(house).findings(ada, one)).found
    assert [item.masked for item in found] == ["1850•••••••••91"]
    assert not house.run(decides(house).send(ada, one.id, ORIGIN)).waits
    assert [entry.domain for entry in house.read(spool.show)] == ["ailleurs.fr"]
    (delivered,) = house.mail("bob")
    assert delivered.count(b"Received:") == 1
    assert b"with ESMTPSA id" in delivered
    report = email.message_from_bytes(house.mail("ada")[1], policy=policy.default)
    assert report.get_content_type() == "multipart/report"
    with pytest.raises(Refused) as refusal:
        house.run(decides(house).send(ada, one.id, ORIGIN))
    assert refusal.value.reason is Reason.NOT_FOUND
    assert len(house.mail("bob")) == 1, "once"
    assert verdicts(house) == ["confirmed", "asked"]


def test_nobody_else_decides_and_who_gives_up_sends_nothing(house: House) -> None:
    submit(house, letter(f"<p>{NIR.replace(' ', '&nbsp;')}</p>", html=True))
    (one,) = waiting(house)
    with pytest.raises(Refused):
        house.run(decides(house).send(house.people["bob"], one.id, ORIGIN))
    house.run(decides(house).drop(house.people["ada"], one.id, ORIGIN))
    assert (waiting(house), house.read(spool.show)) == ([], [])
    assert verdicts(house) == ["dropped", "asked"]


@pytest.mark.parametrize(
    "text",
    [
        f"Mon mot de passe : {PASSWORD}",
        f"Voici :\n{PASSWORD}\n",
        "NUMEN 21E2600123ABC",
        "INE 0123456789A",
        "FR76 3000 6000 0112 3456 7890 189",
    ],
)
def test_what_waits(house: House, text: str) -> None:
    assert submit(house, letter(text)).asks
    assert not submit(house, letter(text, to=BOB), BOB).waits, "it stays in the academy"


def test_what_does_not_wait(house: House, make_house: HouseMaker) -> None:
    assert not submit(house, letter("Mon mot de passe : Autre-Chose#77, le 24/11/2026")).waits
    off = make_house(guards={"kinds": ["iban"]})
    assert not submit(off, letter(f"{NIR} {PASSWORD}")).waits
    assert submit(off, letter("FR7630006000011234567890189")).asks


def test_who_is_asked_is_told_that_words_were_not_compared_with_the_password(
    house: House, clock: StandingClock
) -> None:
    """So many words an hour are. One that stands beside a number would be confirmed with it, and nobody saw it."""
    for number in range(MAX_TRIES // MAX_WORDS):
        words = " ".join(f"Encre-Verte#{number}{word}" for word in range(MAX_WORDS))
        assert not submit(house, letter(f"Mots : {words}")).waits
    assert not submit(house, letter("Mon mot de passe : Autre-Chose#77")).waits, "of every letter nobody can be asked"
    assert submit(house, letter(f"Élève {NIR}. Mon mot de passe : {PASSWORD} Autre-Chose#77")).asks
    (one,) = waiting(house)
    (notice,) = (email.message_from_bytes(octets, policy=policy.default) for octets in house.mail("ada"))
    assert "des mots qui n’ont pas pu être comparés à votre mot de passe" in notice.get_content()
    ada = house.people["ada"]
    found = house.run(decides(house).findings(ada, one)).found
    assert [(item.kind, item.masked) for item in found] == [("uncompared", "3"), ("nir", "1850•••••••••91")]
    clock.step(HOUR)
    found = house.run(decides(house).findings(ada, one)).found
    assert [item.kind for item in found] == ["password", "nir"]


def test_documents_are_looked_at(house: House) -> None:
    message = letter("Ci-joint.")
    message.add_attachment(
        docx(word(f"Élève {NIR}")), maintype="application", subtype="octet-stream", filename="élève.docx"
    )
    assert submit(house, message).asks
    (one,) = waiting(house)
    found = house.run(decides(house).findings(house.people["ada"], one)).found
    assert [(item.where, item.kind) for item in found] == [("élève.docx", "nir")]
    broken = letter("Ci-joint.")
    broken.add_attachment(b"PK\x03\x04", maintype="application", subtype="octet-stream", filename="cassé.docx")
    outcome = submit(house, broken)
    assert (outcome.waits, outcome.unread) == (False, ("cassé.docx",)), "it leaves, and its author is told"


def test_a_document_that_goes_on_beyond_what_is_read_is_named(house: House) -> None:
    """A sheet of pupils: numbers below the thousandth row nobody looks at."""
    message = letter("Ci-joint.")
    rows: list[list[object]] = [["Élève", number] for number in range(1200)]
    message.add_attachment(
        xlsx([*rows, [185057800608491]]), maintype="application", subtype="octet-stream", filename="x.xlsx"
    )
    outcome = submit(house, message)
    assert (outcome.waits, outcome.unread) == (False, ("x.xlsx",))
    both = letter("Ci-joint.")
    both.add_attachment(xlsx([[NIR], *rows]), maintype="application", subtype="octet-stream", filename="x.xlsx")
    assert submit(house, both).asks


def test_pdf_is_looked_at_and_who_sends_it_is_told_of_what_is_not(house: House) -> None:
    written = bytes(typst.compile(f"Élève {NIR}".encode(), format="pdf"))
    message = letter("Ci-joint.")
    message.add_attachment(written, maintype="application", subtype="pdf", filename="bulletin.pdf")
    assert submit(house, message).asks
    locked = letter("Ci-joint.")
    locked.add_attachment(b"%PDF-1.7\nbroken", maintype="application", subtype="pdf", filename="autre.pdf")
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as door:
        door.starttls(context=tls_context())
        door.login("ada", PASSWORD)
        door.mail(ADA)
        door.rcpt(OUTSIDE)
        code, said = door.data(locked.as_bytes(policy=policy.SMTP))
    assert code == 250
    assert said.endswith(
        b": documents joints qui n'ont pas pu etre lus: 1 / attached documents that could not be read: 1"
    )


def test_two_presses_at_once_send_once(house: House) -> None:
    """Whichever worker is faster: the row is taken in the unit that sends."""
    submit(house, letter(f"NIR {NIR}"))
    (one,) = waiting(house)
    ada = house.people["ada"]

    async def both() -> list[Outcome | BaseException]:
        return await asyncio.gather(
            *(decides(house).send(ada, one.id, ORIGIN) for _ in range(2)), return_exceptions=True
        )

    done = house.run(both())
    assert sorted(isinstance(one, Outcome) for one in done) == [False, True]
    assert len(house.read(spool.show)) == 1


def test_a_stolen_session_guesses_no_password(house: House) -> None:
    """After so many words within an hour no more are compared; the hour after it is."""
    for turn in range(5):
        words = "\n".join(f"Aa1#{turn}-{n:06}" for n in range(8))
        assert not submit(house, letter(words)).waits
    assert not submit(house, letter(PASSWORD)).waits
    assert isinstance(house.clock, StandingClock)
    house.clock.step(3600)
    assert submit(house, letter(PASSWORD)).asks


def test_so_many_wait_and_no_more(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unconfirmed, "MAX_WAITING", 1)
    submit(house, letter(NIR))
    with pytest.raises(Refused) as refusal:
        submit(house, letter(NIR))
    assert refusal.value.reason is Reason.LIMIT
    assert len(waiting(house)) == 1


def test_what_nobody_confirms_is_let_go(house: House, clock: StandingClock) -> None:
    for text in (NIR, f"bis {NIR}"):
        submit(house, letter(text))
    assert house.run(house.submission.confirmation.expire()) == 0
    clock.step(8 * 86400)
    house.store.write_now(trusted_clock.believe)
    assert house.run(house.submission.confirmation.expire()) == 2
    assert waiting(house) == []
    told = email.message_from_bytes(house.mail("ada")[-1], policy=policy.default).get_content()
    assert told.count("- Dossier") >= 2
    assert verdicts(house)[:2] == ["expired", "expired"]
    submit(house, letter(NIR))
    while house.store.write_now(erasure.step, house.people["ada"].account_id):
        continue
    assert house.read(lambda tx: tx.execute(unconfirmed_submission.select()).all()) == []
