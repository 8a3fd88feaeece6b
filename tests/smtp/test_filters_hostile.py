"""Filters as weapons: whoever writes one forges nobody, floods nobody, stops nobody, and loses no mail."""

import smtplib

import pytest

from mailserver.delivery import Envelope, Part, deliver_parts
from mailserver.delivery.envelope import Memory
from mailserver.delivery.filtering.answering import Answering
from mailserver.delivery.filtering.occasion import MAX_SENT, SENT_ON_BY, Volume
from mailserver.filters import running
from mailserver.filters.host import AccountHost
from mailserver.filters.sieve.commands.editheader import PROTECTED
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.authentication import NOT_CHECKED, Alignment, AuthenticationResults, Outcome
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.account import accounts, filter_memory
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.people.mailing_lists import lists, personal_lists
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.filtering import (
    ADA,
    BOB,
    FRIEND,
    filtered,
    filters_of,
    flags_of,
    forget,
    letter,
    off,
    outgoing,
    parsed,
    send,
)
from tests.smtp.house import DOMAIN, LIST, PASSWORD, PEOPLE, House

FORGED = AuthenticationResults(Outcome.SOFTFAIL, Outcome.NONE, Alignment.NONE)
QUARANTINED = AuthenticationResults(Outcome.PASS, Outcome.NONE, Alignment.FAIL, quarantined=True)
PROVEN = AuthenticationResults(Outcome.PASS, Outcome.PASS, Alignment.PASS, one_click=True)
RECTOR = f'deleteheader "From"; addheader "From" "Recteur <recteur@{DOMAIN}>"; addheader "X-A" "1";'


@pytest.fixture
def house(filter_house: House) -> House:
    """Its filters are switched off afterwards."""
    return filter_house


def submit(house: House, login: str, octets: bytes, *to: str) -> None:
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login(login, PASSWORD)
        client.sendmail(f"{login}@{DOMAIN}", list(to), octets)


def arrive(house: House, octets: bytes, *to: str, results: AuthenticationResults = NOT_CHECKED) -> None:
    """As the door does once it has asked the DNS."""

    async def work() -> None:
        sender = house.delivery.outsider(FRIEND)
        found = [await house.delivery.resolve(address, len(octets), sender) for address in to or (ADA,)]
        whole = b"Return-Path: <" + FRIEND.encode() + b">\r\n" + octets
        await house.delivery.deliver(Envelope(FRIEND, tuple(found), sender, results=results), whole)

    house.run(work())


def known(house: House, login: str, box: str = "INBOX") -> tuple[Door, int, AuthenticationResults]:
    """The door of the newest message, whose it was, and what was found out."""

    def look(tx: Tx) -> tuple[Door, int, AuthenticationResults]:
        account = house.people[login].account_id
        found = mailboxes.get(tx, account, box)
        names = ("uid", "door", "door_account", "authentication")
        (row,) = messages.fetch_uids(tx, account, found.id, names, [found.uidnext - 1])
        return Door(row[-3]), int(row[-2]), AuthenticationResults.stored(int(row[-1]))

    return house.read(look)


def told(house: House, login: str) -> list[str]:
    """What somebody is told of their filter."""
    return [one.get_content() for one in map(parsed, house.mail(login)) if one["Auto-Submitted"]]


def everywhere(house: House) -> int:
    """Messages in all mailboxes."""

    def look(tx: Tx) -> int:
        accounts = [house.people[name.lower()].account_id for name in PEOPLE if name != "Noe"]
        boxes = [box for account in accounts for box in mailboxes.listing(tx, account)]
        return sum(len(messages.state(tx, box.id)) for box in boxes)

    return house.read(look)


# ---------------------------------------------------------------------- who wrote


@pytest.mark.parametrize("edit", [RECTOR, 'addheader "Subject" "Virement";'])
def test_what_was_edited_proves_no_author(house: House, edit: str) -> None:
    filters_of(house, "bob", f'require ["editheader", "copy"]; {edit} redirect :copy "{ADA}";')
    submit(house, "eve", letter(sender=f"eve@{DOMAIN}", to=BOB), BOB)
    for login in ("ada", "bob"):
        (got,) = house.mail(login)
        assert parsed(got)["From"] == f"eve@{DOMAIN}"
        assert known(house, login) == (Door.RESENT, house.people["bob"].account_id, NOT_CHECKED)
    filters_of(house, "bob", f'redirect "{ADA}";')
    submit(house, "eve", letter(sender=f"eve@{DOMAIN}", to=BOB), BOB)
    assert known(house, "ada")[:2] == (Door.SUBMISSION, house.people["eve"].account_id)


def test_what_somebody_edits_and_sends_on_is_not_from_them(house: House) -> None:
    """An answer goes to whoever wrote it: what staff are told is not for them."""
    by_staff = (
        'require ["environment", "fileinto"]; if environment "vnd.mailserver.sender" "outside" { fileinto "Archive"; }'
    )
    filters_of(house, "ada", by_staff)
    filters_of(house, "bob", f'require "editheader"; addheader "X-A" "1"; redirect "{ADA}";')
    submit(house, "eve", letter(sender=f"eve@{DOMAIN}", to=BOB), BOB)
    assert (len(house.mail("ada", "Archive")), house.mail("ada")) == (1, [])
    to = [Correspondent("", ADA)]  # an answer to this goes to Bob
    house.run(house.submission.resend(house.people["bob"], to, letter(), Provenance(Door.SMTP)))
    assert (len(house.mail("ada", "Archive")), len(house.mail("ada"))) == (1, 1)


def test_what_was_edited_keeps_what_speaks_against_it_alone(house: House) -> None:
    filters_of(house, "ada", 'require "editheader"; addheader "X-A" "1";')
    arrive(house, letter(), results=PROVEN)
    door, _, results = known(house, "ada")
    assert (door, results.authenticated, results.checked, results.one_click) == (Door.SMTP, False, True, False)
    spoofed = AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL)
    arrive(house, letter(), results=spoofed)
    assert known(house, "ada")[2] == spoofed


def test_nobody_of_ours_leaves_unproven(make_house: HouseMaker) -> None:
    house = make_house(
        smtp={"own_domain_from_outside": "accept"}, filters={"redirect": "anywhere", "redirects_per_day": 2}
    )
    filters_of(house, "ada", 'redirect "moi@perso.fr";')
    send(house, letter(sender=f"Recteur <recteur@{DOMAIN}>"))
    assert outgoing(house) == []
    assert len(told(house, "ada")) == 1
    submit(house, "bob", letter(sender=BOB), ADA)
    assert [one[1] for one in outgoing(house)] == ["moi@perso.fr"]
    house.store.write_now(forget)
    filters_of(house, "ada", 'require "editheader"; addheader "X-Ordre" "Payez"; redirect "moi@perso.fr";')
    submit(house, "bob", letter(sender=BOB), ADA)
    assert outgoing(house) == [], "what a filter changed is not what its author wrote"
    send(house, letter())
    assert [one[1] for one in outgoing(house)] == ["moi@perso.fr"]
    house.store.write_now(forget)
    house.empty()
    filters_of(house, "ada", "".join(f'redirect "{name}@perso.fr";' for name in "abcd"))
    send(house, letter())
    assert len(outgoing(house)) == 2, "two a day, also of one message"
    assert len([one for one in house.mail("ada") if b"Sortie" in one]) == 1


# ---------------------------------------------------------------------- nothing is lost


@pytest.mark.parametrize(
    ("members", "said"), [(None, "n’existe pas"), ((), "n’existe pas"), ([f"a{n}@b.fr" for n in range(17)], "plus de")]
)
def test_a_list_that_leads_nowhere_keeps_the_message(
    house: House, monkeypatch: pytest.MonkeyPatch, members: list[str] | None, said: str
) -> None:
    monkeypatch.setattr(personal_lists, "members_of", lambda *_: members)
    filters_of(house, "ada", 'require "extlists"; redirect :list "x";')
    send(house, letter())
    assert len(house.mail("ada")) == 2
    assert said in told(house, "ada")[0]


def test_what_is_no_address_among_contacts_is_left_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ("Papa", "a@b@c", f"<{BOB}>\r\nRCPT TO:<x@y.fr>", BOB, "")
    monkeypatch.setattr(personal_lists, "members_of", lambda *_: texts)
    filters_of(house, "ada", 'require "extlists"; redirect :list "x";')
    send(house, letter())
    assert (house.mail("ada"), len(house.mail("bob"))) == ([], 1)


def test_junk_is_kept_where_it_is_junk(house: House) -> None:
    filters_of(house, "ada", 'require "imap4flags"; addflag "$Classe";')
    arrive(house, letter(), results=QUARANTINED)
    assert house.mail("ada") == []
    assert [set(one) for one in flags_of(house, "ada", "Junk")] == [{"$Junk", "$Classe"}]


def test_junk_that_is_kept_by_name_is_in_inbox(house: House) -> None:
    """RFC 5228 section 4.3: what its owner says goes before what the house thinks."""
    filters_of(house, "ada", 'require "imap4flags"; if header "subject" "Sortie" { keep :flags "$Classe"; }')
    arrive(house, letter(), results=QUARANTINED)
    assert [set(one) for one in flags_of(house, "ada", "INBOX")] == [{"$Classe"}]
    arrive(house, letter(subject="Autre"), results=QUARANTINED)
    assert (len(house.mail("ada")), len(house.mail("ada", "Junk"))) == (1, 1)


# ---------------------------------------------------------------------- floods


def test_details_of_ones_own_address_are_oneself(house: House) -> None:
    again = "".join(f'redirect "ada+{number}@{DOMAIN}";' for number in range(4))
    filters_of(house, "ada", f'require "editheader"; deleteheader "{SENT_ON_BY}"; {again}')
    send(house, letter())
    assert everywhere(house) == 1
    assert SENT_ON_BY.lower() in PROTECTED


def test_filters_that_send_to_each_other_make_a_bounded_number_of_copies(house: House) -> None:
    party = ("ada", "bob", "eve", "zoe", "ida", "admin")
    for login in party:
        others = "".join(f'redirect "{one}@{DOMAIN}";' for one in party if one != login and one != "ida")
        filters_of(house, login, f'require "copy"; {others.replace("redirect", "redirect :copy")[:2000]}'[:4000])
        if login == "ida":
            off(house, login)
    send(house, letter())
    copies = everywhere(house)
    assert 4 < copies <= 1 + MAX_SENT + len(party), "the copies, and one notice for each whose filter was stopped"


def test_notices_are_bounded(house: House) -> None:
    there = [",".join(f"bob+{box}{number}@{DOMAIN}" for number in range(8)) for box in "abcd"]
    script = "".join(f'notify "mailto:{addresses}";' for addresses in there)
    filters_of(house, "ada", f'require "enotify"; {script}')
    send(house, letter())
    assert len(house.mail("bob")) == MAX_SENT


def test_what_is_remembered_is_bounded_and_counted_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filter_memory, "MAX_KEPT", 2)
    counts: list[int] = []
    really = filter_memory.count

    def counting(tx: Tx, account_id: int, kind: Kind) -> int:
        counts.append(account_id)
        return really(tx, account_id, kind)

    monkeypatch.setattr(filter_memory, "count", counting)
    ada, later = house.people["ada"].account_id, int(house.clock.now()) + 100

    def unit(tx: Tx) -> list[bool]:
        counted: filter_memory.Counted = {}
        return [filter_memory.claim(tx, ada, Kind.DUPLICATE, key, later, counted) for key in (b"a", b"a", b"b", b"c")]

    assert house.store.write_now(unit) == [True, False, True, False]
    assert counts == [ada]
    assert house.store.write_now(unit) == [False, False, False, False]


def test_a_unit_that_fails_remembers_nothing(house: House) -> None:
    ada, later = house.people["ada"].account_id, int(house.clock.now()) + 100
    once = Memory(ada, Kind.VACATION, b"key", later)
    part = Part(blobs.prepare(letter(), house.settings.data / "blobs"), "", (ada,), once=once)

    def broken(tx: Tx) -> None:
        deliver_parts(tx, [part], {}, 3600)
        raise Refused(Reason.LIMIT, "no more room")

    with pytest.raises(Refused):
        house.run(house.store.write(broken))
    for _ in range(2):
        house.run(house.store.write(deliver_parts, [part], {}, 3600))
    assert len(house.mail("ada")) == 1


def test_copies_of_what_is_sent_count_as_mail(house: House) -> None:
    filters_of(house, "eve", f'require ["enotify", "fcc"]; notify :fcc "Sent" "mailto:{BOB}";')
    eve = house.people["eve"].account_id
    for quota, kept in ((1_000_000, 1), (len(letter()) + 300, 0)):
        house.empty()
        house.store.write_now(accounts.set_quota, eve, quota)
        send(house, letter(to=f"eve@{DOMAIN}"), f"eve@{DOMAIN}")
        assert (len(house.mail("eve", "Sent")), len(house.mail("bob"))) == (kept, 1)
    house.store.write_now(accounts.set_quota, eve, 0)


# ---------------------------------------------------------------------- around the rules


def test_no_list_is_a_target(house: House) -> None:
    filters_of(house, "eve", f'redirect "{LIST}";')
    send(house, letter(), f"eve@{DOMAIN}")
    assert (house.mail("ada"), len(house.mail("eve"))) == ([], 2)
    assert "liste" in told(house, "eve")[0]


def test_whose_account_is_suspended_sends_nothing(house: House) -> None:
    to = f"ida@{DOMAIN}"
    filters_of(house, "ida", f'require "vacation"; vacation "Absente"; redirect "{BOB}";')
    send(house, letter(to=to), to)
    filters_of(house, "ida", 'require "reject"; reject "Non.";')
    send(house, letter(to=to), to)
    assert (len(house.mail("ida")), house.mail("bob"), outgoing(house)) == (2, [], [])


def test_a_member_does_not_refuse_for_a_list(house: House) -> None:
    filters_of(house, "ada", 'require "reject"; reject "Non merci.";')
    others = (BOB, FRIEND)
    house.store.write_now(lists.remove_members, LIST, others)
    try:
        send(house, letter(to=LIST), LIST)
    finally:
        house.store.write_now(lists.add_members, LIST, others)
    assert (outgoing(house), house.mail("ada"), house.mail("bob")) == ([], [], [])
    assert filtered(house)[:1] == ["filter-refused"]


def test_a_report_names_nobody_behind_a_filter(house: House) -> None:
    filters_of(house, "ada", f'redirect "{BOB}";')
    filters_of(house, "bob", 'require "reject"; reject "Non merci.";')
    send(house, letter())
    ((_, to, _, report),) = outgoing(house)
    assert to == FRIEND
    assert BOB.encode() not in report.as_bytes()


# ---------------------------------------------------------------------- answers to those who never wrote


@pytest.mark.parametrize("results", [FORGED, QUARANTINED])
def test_whoever_is_not_proven_is_answered_by_nothing(house: House, results: AuthenticationResults) -> None:
    filters_of(house, "ada", 'require ["vacation", "fileinto"]; fileinto "Archive"; vacation "Absente";')
    arrive(house, letter(), results=results)
    assert (outgoing(house), len(house.mail("ada", "Archive"))) == ([], 1)
    filters_of(house, "ada", 'require "ereject"; ereject "Non merci.";')
    arrive(house, letter(), ADA, BOB, results=results)
    assert (outgoing(house), house.mail("ada"), len(house.mail("ada", "Junk"))) == ([], [], 1)


def test_an_absence_has_its_least_interval(house: House) -> None:
    filters_of(house, "ada", 'require ["vacation", "vacation-seconds"]; vacation :seconds 0 "Absente";')
    for _ in range(2):
        send(house, letter())
    assert len(outgoing(house)) == 1


def test_refusals_are_bounded_by_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailserver.delivery.filtering.answering.ANSWERS_PER_DAY", 1)
    filters_of(house, "ada", 'require "reject"; reject "Non merci.";')
    for _ in range(2):
        send(house, letter(), ADA, BOB)
    assert (len(outgoing(house)), len(house.mail("ada", "Junk")), len(house.mail("bob"))) == (1, 1, 2)


# ---------------------------------------------------------------------- one person's filter, everybody's mail


@pytest.mark.parametrize(
    ("where", "name", "script"),
    [
        (AccountHost, "_of_mailbox", 'require "mboxmetadata"; if metadata "a" "/private/x" "1" {} discard;'),
        (Answering, "vacation", 'require "vacation"; vacation "Absente"; discard;'),
    ],
)
def test_what_breaks_within_one_filter_breaks_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch, where: type, name: str, script: str
) -> None:
    monkeypatch.setattr(where, name, _breaks)
    filters_of(house, "ada", script)
    send(house, letter(), ADA, BOB)
    assert (len(house.mail("ada")), len(house.mail("bob"))) == (2, 1)
    assert "filtre" in told(house, "ada")[0]


def _breaks(*_: object) -> object:
    raise LookupError("not foreseen")


def test_slow_filters_have_less_time_once_all_have_taken_much(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends waits until the last filter has run, and would send again."""
    monkeypatch.setattr(running, "HURRY", -1.0)
    slow = 'if header :contains "x-long" "x" { } ' * 100 + "discard;"
    for login in ("ada", "bob"):
        filters_of(house, login, slow)
    octets = letter(*[f"X-Long: {'y' * 900}"] * 60)
    send(house, octets, ADA, BOB)
    assert (house.mail("ada"), house.mail("bob")) == ([], [])
    monkeypatch.setattr(running, "PATIENCE", 0.0)
    send(house, octets, ADA, BOB)
    assert [len(told(house, login)) for login in ("ada", "bob")] == [1, 1]
    assert [len(house.mail(login)) for login in ("ada", "bob")] == [2, 2]


def test_what_is_sent_on_is_bounded_by_its_octets(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailserver.delivery.deliver.Volume", lambda: Volume(25_000))
    for login in ("ada", "eve"):
        filters_of(house, login, f'redirect "{BOB}"; redirect "zoe@{DOMAIN}";')
    send(house, letter() + (b"x" * 76 + b"\r\n") * 128, ADA, f"eve@{DOMAIN}")
    assert len(house.mail("bob")) + len(house.mail("zoe")) == 2
    assert [len(house.mail(login)) - len(told(house, login)) for login in ("ada", "eve")] == [0, 1]


def test_a_list_is_read_once_in_a_run(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(personal_lists, "members_of", lambda *given: asked.append(given))
    tests = 'if header :list ["subject", "from", "to"] ["x", "y"] { discard; }' * 50
    filters_of(house, "ada", f'require "extlists"; {tests}')
    send(house, letter())
    assert (len(asked), len(house.mail("ada"))) == (2, 1)


def test_a_virus_in_an_absence_is_not_sent(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def finds(octets: bytes) -> str:
        return "Eicar" if b"EICAR" in octets else ""

    monkeypatch.setattr(house.delivery, "virus_in", finds)
    for body, answers in (("EICAR", 0), ("Absente", 1)):
        filters_of(house, "ada", f'require "vacation"; vacation :mime "Content-Type: text/plain\r\n\r\n{body}";')
        submit(house, "bob", letter(sender=BOB), ADA)
        assert len(house.mail("bob")) == answers


def test_half_characters_and_nul_name_nothing(house: House) -> None:
    filters_of(
        house,
        "ada",
        'require ["mboxmetadata", "encoded-character", "fileinto"];'
        'if not metadata :contains "a${hex:00}" "/private/x" "" { fileinto "Archive"; }',
    )
    send(house, letter())
    assert len(house.mail("ada", "Archive")) == 1
