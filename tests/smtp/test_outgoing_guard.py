"""What gives something away leaves by no way that its author was not asked about: lists, IT, filters, answers."""

import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mailserver.delivery import Envelope, Recipient
from mailserver.delivery.held.moderation import Moderation
from mailserver.foundation.settings.mail import Guards
from mailserver.model.identity import Population
from mailserver.model.rules import Denied, Sender
from mailserver.outbound.submission.departure import Outcome
from mailserver.outbound.submission.waiting.confirmed import UnconfirmedMail
from mailserver.outbound.submission.waiting.held import HeldSubmissions
from mailserver.policy.dlp.checker import MAX_TRIES
from mailserver.policy.dlp.passwords import MAX_WORDS
from mailserver.store.account import confirmed_answers, rules
from mailserver.store.account.confirmed_answers import Said
from mailserver.store.engine.transactions import Tx
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import spool
from mailserver.store.queue.held import held_submissions, moderation_queue, unconfirmed
from mailserver.store.record.audit import Origin
from mailserver.store.upkeep import securing
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.filtering import ADA, BOB, FRIEND, filters_of, outgoing, send
from tests.smtp.filtering import letter as from_friend
from tests.smtp.house import DOMAIN, LIST, PASSWORD, House

EVE = f"eve@{DOMAIN}"
NIR = "1 85 05 78 006 084 91"
AMIE = "amie@ailleurs.fr"
"""The member of the list who is elsewhere."""
ORIGIN = Origin("bob", "test")
BUSY = {"teachers": {"minute": (1, 99), "ten_minutes": (1, 99), "hour": (1, 99), "ten_hours": (1, 99)}}


def octets(text: str = NIR, *fields: str) -> bytes:
    head = [f"From: {ADA}", f"To: {LIST}", "Subject: Sortie", *fields]
    return ("\r\n".join(head) + f"\r\n\r\n{text}\r\n").encode()


def submit(house: House, *to: str, text: str = NIR, fields: tuple[str, ...] = ()) -> Outcome:
    return house.run(house.submission.submit(house.people["ada"], ADA, to, octets(text, *fields)))


def inside(tx: Tx) -> None:
    """Nobody elsewhere is on the list."""
    lists.remove_members(tx, LIST, [AMIE])


def grown(tx: Tx) -> None:
    lists.add_members(tx, LIST, [AMIE])


def moderated(tx: Tx) -> None:
    lists.set_owners(tx, LIST, [BOB])
    lists.change(tx, LIST, {"moderated": 1})


@pytest.fixture
def house(make_house: HouseMaker) -> House:
    return make_house(filters={"redirect": "anywhere"})


def moderation(house: House) -> Moderation:
    return Moderation(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        clock=house.clock,
    )


def asked(house: House) -> list[unconfirmed.Unconfirmed]:
    return house.read(unconfirmed.listing, house.people["ada"].account_id)


def confirm(house: House) -> Outcome:
    (one,) = asked(house)
    decides = UnconfirmedMail(
        settings=house.settings,
        store=house.store,
        delivery=house.delivery,
        submission=house.submission,
        clock=house.clock,
    )
    return house.run(decides.send(house.people["ada"], one.id, ORIGIN))


def left(house: House) -> list[str]:
    return [recipient for _, recipient, _, _ in outgoing(house)]


def told(house: House, login: str) -> list[str]:
    """The notices that somebody has."""
    found = [message_from_bytes(one, policy=policy.default) for one in house.mail(login)]
    return [one.get_content() for one in found if "postmaster@" in str(one["From"])]


# ---------------------------------------------------------------------- moderated lists


def test_the_author_is_asked_before_a_moderated_list_with_members_outside_has_it(house: House) -> None:
    house.store.write_now(moderated)
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as door:
        door.starttls(context=tls_context())
        door.login("ada", PASSWORD)
        door.mail(ADA)
        door.rcpt(LIST)
        code, said = door.data(octets())
    assert (code, b"confirm" in said) == (250, True)
    assert house.read(moderation_queue.waiting) == []
    confirm(house)
    (waits,) = house.read(moderation_queue.waiting)
    house.run(moderation(house).approve(waits.id, ORIGIN))
    assert [entry.domain for entry in house.read(spool.show)] == ["ailleurs.fr"]
    assert asked(house) == [], "and not twice"


def test_a_list_within_a_list_and_an_owner_elsewhere_count(house: House) -> None:
    house.store.write_now(moderated)
    outer, watched = f"tous@{DOMAIN}", f"relu@{DOMAIN}"

    def make(tx: Tx) -> None:
        lists.create(tx, outer, "Tous", "")
        lists.add_members(tx, outer, [LIST, BOB])
        lists.create(tx, watched, "Relu", "")
        lists.add_members(tx, watched, [BOB])
        lists.set_owners(tx, watched, ["gardien@ailleurs.fr"])
        lists.change(tx, watched, {"moderated": 1})

    house.store.write_now(make)
    assert submit(house, outer).asks
    assert submit(house, watched).asks
    assert left(house) == []


def test_a_moderated_list_without_members_outside_asks_nobody_until_it_has_some(house: House) -> None:
    house.store.write_now(inside)
    house.store.write_now(moderated)
    for _ in range(2):
        assert not submit(house, LIST).waits
    first, second = house.read(moderation_queue.waiting)
    house.run(moderation(house).approve(first.id, ORIGIN))
    house.store.write_now(grown)
    with pytest.raises(Denied) as refused:
        house.run(moderation(house).approve(second.id, ORIGIN))
    assert "NIR" in refused.value.said.to("fr")
    assert "85 05" not in refused.value.text
    assert left(house) == []
    assert [one.id for one in house.read(moderation_queue.waiting)] == [second.id], "an owner refuses it"
    assert sum(NIR.encode() in one for one in house.mail("bob")) == 1
    house.store.write_now(inside)
    house.run(moderation(house).approve(second.id, ORIGIN))


def test_what_gives_nothing_away_leaves_by_a_list_that_has_grown(house: House) -> None:
    house.store.write_now(inside)
    house.store.write_now(moderated)
    submit(house, LIST, text="Bonjour")
    house.store.write_now(grown)
    (waits,) = house.read(moderation_queue.waiting)
    house.run(moderation(house).approve(waits.id, ORIGIN))
    assert left(house) == [AMIE]


# ---------------------------------------------------------------------- IT


def held_by_it(house: House) -> HeldSubmissions:
    return HeldSubmissions(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        clock=house.clock,
    )


def test_what_it_holds_is_not_let_out_by_a_list_that_has_grown(make_house: HouseMaker) -> None:
    house = make_house(sending=BUSY)
    decides = held_by_it(house)
    submit(house, BOB, text="Bonjour")
    assert submit(house, f"eve@{DOMAIN}", LIST, text="Bonjour", fields=("X: 1",)).waits
    submit(house, LIST)
    assert confirm(house).waits
    house.store.write_now(inside)
    assert submit(house, LIST).waits
    clean, confirmed, stayed = (one.id for one in house.read(held_submissions.waiting))
    house.store.write_now(grown)
    with pytest.raises(Denied, match="NIR"):
        house.run(decides.release(stayed, ORIGIN))
    assert left(house) == []
    house.run(decides.release(clean, ORIGIN))
    house.run(decides.release(confirmed, ORIGIN))
    assert left(house) == [AMIE, AMIE]
    assert [one.id for one in house.read(held_submissions.waiting)] == [stayed]


# ---------------------------------------------------------------------- filters


def test_a_filter_sends_on_outside_nothing_that_its_author_was_not_asked_about(house: House) -> None:
    filters_of(house, "bob", 'redirect "bob@maison.fr";')
    assert not submit(house, BOB).waits
    submit(house, BOB)
    assert left(house) == []
    assert sum(NIR.encode() in one for one in house.mail("bob")) == 2, "it is kept instead"
    (notice,) = told(house, "bob")
    assert "NIR" in notice
    assert "85 05" not in notice
    submit(house, BOB, text="Bonjour")
    assert left(house) == ["bob@maison.fr"]
    assert submit(house, BOB, FRIEND).asks
    confirm(house)
    assert sorted(left(house)) == [FRIEND, "bob@maison.fr", "bob@maison.fr"], "its author lets it out"


def test_by_somebody_elses_filter_or_a_list_it_stays_as_well(house: House) -> None:
    house.store.write_now(inside)
    filters_of(house, "bob", f'redirect "eve@{DOMAIN}";')
    filters_of(house, "eve", 'redirect "eve@maison.fr";')
    submit(house, BOB)
    assert (left(house), len(told(house, "eve"))) == ([], 1)
    filters_of(house, "bob", 'redirect "bob@maison.fr";')
    submit(house, LIST)
    assert (left(house), len(told(house, "bob"))) == ([], 1)


def test_what_others_wrote_goes_on(house: House) -> None:
    filters_of(house, "bob", 'redirect "bob@maison.fr";')
    send(house, from_friend(to=BOB).replace(b"Bonjour.", NIR.encode()), BOB)
    assert left(house) == ["bob@maison.fr"]


def test_what_others_pass_on_uses_up_no_comparison_of_what_one_sends(house: House) -> None:
    filters_of(house, "bob", 'redirect "bob@maison.fr";')
    for number in range(MAX_TRIES // MAX_WORDS):
        words = " ".join(f"Encre-Verte#{number}{word}" for word in range(MAX_WORDS))
        submit(house, BOB, text=f"Mots : {words}")
    assert left(house) == ["bob@maison.fr"] * (MAX_TRIES // MAX_WORDS)
    assert submit(house, AMIE, text=f"Le mot est {PASSWORD}").waits


def test_nobody_is_told_that_a_word_of_somebody_else_is_their_password(house: House) -> None:
    """Whoever was sent it in the academy has a message full of words, and does not learn which one opens a mailbox."""
    house.store.write_now(inside)
    house.store.write_now(moderated)
    secret = f"Le mot est {PASSWORD}"
    submit(house, LIST, text=secret)
    house.store.write_now(grown)
    (waits,) = house.read(moderation_queue.waiting)
    with pytest.raises(Denied) as refused:
        house.run(moderation(house).approve(waits.id, ORIGIN))
    said = refused.value.said
    assert ("mot de passe" in said.to("fr"), "confidentielle" in said.to("fr")) == (False, True)
    assert "password" not in said.to("en")
    filters_of(house, "bob", 'redirect "bob@maison.fr";')
    submit(house, BOB, text=secret)
    notice = told(house, "bob")[-1]
    assert ("contient votre mot" in notice, "contient une donnée" in notice) == (False, True)


def test_owners_who_came_to_be_elsewhere_get_nothing_to_decide_about(make_house: HouseMaker) -> None:
    house = make_house(sending=BUSY)
    decides = held_by_it(house)
    house.store.write_now(inside)
    house.store.write_now(moderated)
    submit(house, BOB, text="Bonjour")
    assert submit(house, LIST).waits
    (stayed,) = house.read(held_submissions.waiting)
    house.store.write_now(lambda tx: lists.set_owners(tx, LIST, ["gardien@ailleurs.fr"]))
    with pytest.raises(Denied, match="NIR"):
        house.run(decides.release(stayed.id, ORIGIN))
    assert left(house) == []


def test_what_is_looked_for_is_asked_anew(house: House) -> None:
    filters_of(house, "bob", 'redirect "bob@maison.fr";')
    submit(house, BOB)
    assert left(house) == []
    (inside_only,) = [one for one in house.mail("bob") if NIR.encode() in one]
    envelope = Envelope(ADA, (Recipient(FRIEND, (), (FRIEND,)),), Sender.person(house.people["ada"]))
    with pytest.raises(Denied):
        house.run(house.delivery.guard.check(envelope, inside_only))
    house.settings.adopt(house.settings.model_copy(update={"guards": Guards(kinds=())}))
    house.run(house.delivery.guard.check(envelope, inside_only))


def test_what_a_filter_itself_says_gives_nothing_away_either(house: House) -> None:
    filters_of(house, "bob", f'require "vacation"; vacation "Absent. Mon mot de passe : {PASSWORD}";')
    send(house, from_friend(to=BOB), BOB)
    assert (left(house), len(told(house, "bob"))) == ([], 1)
    assert "contient votre mot de passe" in told(house, "bob")[0], "its author may know"
    filters_of(house, "bob", 'require "vacation"; vacation "Absent.";')
    send(house, from_friend(to=BOB), BOB)
    assert left(house) == [FRIEND]


def confirmed(house: House, login: str, text: str) -> None:
    """As the page of the absence does, once its owner has seen what the text gives away."""
    account_id = house.people[login].account_id
    house.store.write_now(confirmed_answers.confirm, account_id, Said(text), ("nir",), Origin(login, "test"))


def test_an_answer_leaves_once_its_owner_has_confirmed_that_text(house: House) -> None:
    text = f"Absent.\r\nLe NIR : {NIR}"
    filters_of(house, "bob", f'require "vacation"; vacation "{text}";')
    send(house, from_friend(to=BOB), BOB)
    (notice,) = told(house, "bob")
    assert left(house) == []
    assert "réponse automatique" in notice
    assert "/m/reglages/absence" in notice
    assert "85 05" not in notice
    confirmed(house, "bob", text.replace("\r\n", "\n") + "\n")
    send(house, from_friend(to=BOB), BOB)
    assert left(house) == [FRIEND]
    filters_of(house, "bob", f'require "vacation"; vacation "{text} bis";')
    send(house, from_friend(to=BOB), BOB)
    assert left(house) == [FRIEND], "another text is asked about again"
    confirmed(house, "eve", f"{text} bis")
    send(house, from_friend(to=BOB), BOB)
    assert left(house) == [FRIEND], "somebody else's word is not theirs"


def test_what_a_confirmed_answer_quotes_is_looked_at_all_the_same(house: House) -> None:
    confirmed(house, "bob", f"Absent. {NIR}")
    answer = f'vacation :subject "Re: ${{1}}" "Absent. {NIR}";'
    filters_of(house, "bob", f'require ["vacation", "variables"]; if header :matches "subject" "*" {{ {answer} }}')
    send(house, from_friend(to=BOB).replace(b"Subject: ", f"Subject: {NIR} ".encode()), BOB)
    assert left(house) == []
    (notice,) = told(house, "bob")
    assert "son objet, qui peut reprendre celui du message reçu, contient un numéro de sécurité sociale" in notice
    assert "/m/reglages" not in notice, "there is nothing to confirm"


def test_no_answer_tells_who_is_answered_that_a_word_of_theirs_is_the_password(house: House) -> None:
    """Answers that come, or stay, would tell whoever writes from outside word after word: as often as they like."""
    filters_of(house, "bob", 'require "vacation"; vacation "Absent.";')
    send(house, from_friend(to=BOB, subject=f"Le mot est {PASSWORD}"), BOB)
    filters_of(house, "eve", 'require ["reject", "variables"]; if header :matches "subject" "*" { reject "${1}"; }')
    with pytest.raises(smtplib.SMTPDataError, match="Le mot est"):
        send(house, from_friend(to=EVE, subject=f"Le mot est {PASSWORD}"), EVE)
    assert (left(house), told(house, "bob"), told(house, "eve")) == ([FRIEND], [], [])
    filters_of(house, "bob", f'require "vacation"; vacation "Absent. Mon mot de passe : {PASSWORD}";')
    words = " ".join(f"Encre-Verte#{number}" for number in range(MAX_WORDS))
    send(house, from_friend(to=BOB, subject=words), BOB)
    assert left(house) == [FRIEND], "what its owner wrote stays, whatever stands before it"


@pytest.mark.parametrize("sender", [FRIEND, "", "no-reply@ailleurs.fr"])
def test_a_refusal_at_the_door_gives_nothing_away_whoever_no_report_goes_to(house: House, sender: str) -> None:
    filters_of(house, "bob", f'require "ereject"; ereject "Mon numéro : {NIR}";')
    send(house, from_friend(to=BOB), BOB, sender=sender)
    assert left(house) == []
    assert len(told(house, "bob")) == 1


def test_who_may_not_write_to_outside_tells_no_machine_there_either(house: House) -> None:
    house.store.write_now(rules.forbid, ORIGIN, Population.TEACHER, Population.OUTSIDE, denied=True)
    filters_of(house, "bob", 'require "ereject"; ereject "Non merci.";')
    send(house, from_friend(to=BOB), BOB, sender="no-reply@ailleurs.fr")
    assert left(house) == []


def test_a_hijacked_account_is_asked_about_its_answers_again(house: House) -> None:
    text = f"Absent. {NIR}"
    confirmed(house, "bob", text)
    account_id = house.people["bob"].account_id
    house.store.write_now(securing.secure, Origin("it", "test"), account_id, lambda source, address: None)
    assert not house.read(confirmed_answers.has, account_id, Said(text))


def test_who_owns_a_filter_is_told_of_documents_that_nobody_could_read(house: House) -> None:
    filters_of(house, "bob", 'redirect "bob@maison.fr";')
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ADA, BOB, "Dossier"
    message.set_content("Ci-joint.")
    message.add_attachment(b"%PDF-1.7 damaged", maintype="application", subtype="pdf", filename="dossier.pdf")
    for _ in range(2):
        house.run(house.submission.submit(house.people["ada"], ADA, (BOB,), message.as_bytes(policy=policy.SMTP)))
    assert left(house) == ["bob@maison.fr"] * 2
    (notice,) = told(house, "bob")
    assert "dossier.pdf" in notice
    assert "n’ont pas pu être lus" in notice


def test_nothing_is_looked_for_where_the_academy_looks_for_nothing(make_house: HouseMaker) -> None:
    house = make_house(guards={"kinds": []}, filters={"redirect": "anywhere"})
    filters_of(house, "bob", 'redirect "bob@maison.fr";')
    submit(house, BOB)
    assert left(house) == ["bob@maison.fr"]
