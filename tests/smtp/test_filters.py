"""Filters of people at delivery, through the doors that mail comes in by."""

import smtplib
from typing import Any

import pytest
from sqlalchemy import func, select

from mailserver.accounts.provision import provision
from mailserver.filters import Filters
from mailserver.model.identity import Population
from mailserver.store.account import filter_memory, rules
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import access
from mailserver.store.mail.access import Viewer
from mailserver.store.record.audit import Origin
from mailserver.store.schema.outgoing.spool import queued
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.dialogues import tls_context
from tests.smtp.filtering import (
    ADA,
    ADAS,
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
from tests.smtp.house import DOMAIN, PASSWORD, House


@pytest.fixture
def house(filter_house: House) -> House:
    """Its filters are switched off afterwards."""
    return filter_house


def test_filed_with_flags_beside_somebody_without_a_filter(house: House) -> None:
    filters_of(
        house,
        "ada",
        'require ["fileinto", "imap4flags", "mailbox", "copy"];\n'
        'if header :contains "subject" "sortie" {\n'
        '  addflag ["\\\\Flagged", "$Classe"]; fileinto :create :copy "Classes/6e B";\n}\n',
    )
    send(house, letter(), ADA, BOB)
    (filed,) = house.mail("ada", "Classes/6e B")
    assert house.mail("ada") == house.mail("bob") == [filed]
    assert flags_of(house, "ada", "Classes/6e B") == [("\\Flagged", "$Classe")]
    assert flags_of(house, "bob", "INBOX") == [()]


def test_switched_off_at_once(house: House) -> None:
    filters_of(house, "ada", "discard;")
    off(house, "ada")
    send(house, letter())
    assert len(house.mail("ada")) == 1


def test_thrown_away_is_on_record_and_nowhere_else(house: House) -> None:
    filters_of(house, "ada", "discard;")
    send(house, letter())
    assert house.mail("ada") == []
    assert filtered(house)[:1] == ["filter-discarded"]


@pytest.mark.parametrize("action", ["reject", "ereject"])
def test_smtp_refuses_what_its_only_recipient_refuses(house: House, action: str) -> None:
    filters_of(house, "ada", f'require "{action}"; {action} "Je suis parti à la retraite.\r\nÉcrivez au collège.";')
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(house, letter())
    assert refused.value.smtp_code == 550
    assert refused.value.smtp_error == b"5.7.1 Je suis parti a la retraite. Ecrivez au college."
    assert house.mail("ada") == []
    assert outgoing(house) == []


def test_lmtp_tells_each_and_smtp_reports(house: House) -> None:
    filters_of(house, "ada", 'require "reject"; reject "Non merci.";')
    with smtplib.LMTP("127.0.0.1", house.ports["lmtp"], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(FRIEND)
        for address in (ADA, BOB):
            client.rcpt(address)
        client.putcmd("data")
        client.getreply()
        client.send(letter() + b".\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [550, 250]
    assert outgoing(house) == []
    assert filtered(house)[:1] == ["filter-refused"]
    assert len(house.mail("bob")) == 1
    send(house, letter("X-Other: y"), ADA, BOB)
    ((path, to, _, report),) = outgoing(house)
    assert (path, to, report.get_content_type()) == ("", FRIEND, "multipart/report")
    assert "Non merci." in report.as_string()
    assert len(house.mail("bob")) == 2
    send(house, letter("X-Other: z"), ADA, BOB, sender="")
    assert len(outgoing(house)) == 1, "nobody reports on a report"


def test_an_absence_is_told_once(house: House) -> None:
    filters_of(
        house, "ada", 'require "vacation"; vacation :days 3 :subject "Absente" "Je reviens lundi.\r\nÀ bientôt.";'
    )
    send(house, letter())
    send(house, letter(subject="Encore"))
    send(house, letter(), sender="autre@ailleurs.fr")
    first, second = outgoing(house)
    assert [first[:3], second[:3]] == [("", FRIEND, "teacher"), ("", "autre@ailleurs.fr", "teacher")]
    answer = first[3]
    assert answer["Auto-Submitted"] == "auto-replied"
    assert answer["In-Reply-To"] == answer["References"] == "<1@ailleurs.fr>"
    assert (answer["Subject"], answer["From"].addresses[0].addr_spec) == ("Absente", ADAS)
    assert answer.get_content().splitlines() == ["Je reviens lundi.", "À bientôt."]
    assert len(house.mail("ada")) == 3


def test_a_colleague_gets_the_absence_as_hers(house: House) -> None:
    filters_of(
        house, "ada", 'require "vacation"; vacation :mime "Content-Type: text/html\r\nTo: x@y\r\n\r\n<b>Absente</b>";'
    )
    with smtplib.SMTP("127.0.0.1", house.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login("bob", PASSWORD)
        client.sendmail(BOB, [ADA], letter(sender=BOB))
    (answer,) = map(parsed, house.mail("bob"))
    assert answer.get_content_type() == "text/html"
    assert answer["To"] == BOB
    assert answer["Return-Path"] == "<>"


@pytest.mark.parametrize(
    ("fields", "sender"),
    [
        (["Auto-Submitted: auto-generated"], FRIEND),
        (["List-Id: <x.y>"], FRIEND),
        (["Precedence: bulk"], FRIEND),
        (["X-Auto-Response-Suppress: All"], FRIEND),
        ([], ""),
        ([], "no-reply@ailleurs.fr"),
        ([], "mailer-daemon@ailleurs.fr"),
        ([], "owner-liste@ailleurs.fr"),
    ],
)
def test_no_absence_for_machines(house: House, fields: list[str], sender: str) -> None:
    filters_of(house, "ada", 'require "vacation"; vacation "Absente";')
    send(house, letter(*fields), sender=sender)
    assert outgoing(house) == []
    assert len(house.mail("ada")) == 1


def test_no_absence_for_what_was_not_written_to_one(house: House) -> None:
    filters_of(house, "ada", 'require "vacation"; vacation "Absente";')
    send(house, letter(to="quelqu.un@ailleurs.fr"))
    assert outgoing(house) == []
    send(house, letter())
    assert len(outgoing(house)) == 1
    assert len(house.mail("ada")) == 2


def test_no_absence_for_what_is_filed_as_junk(house: House) -> None:
    filters_of(house, "ada", 'require ["vacation", "fileinto"]; fileinto "Junk"; vacation "Absente";')
    send(house, letter())
    assert outgoing(house) == []
    assert len(house.mail("ada", "Junk")) == 1


def test_sent_on_to_a_colleague_whose_filter_runs(house: House) -> None:
    filters_of(house, "ada", f'redirect "{BOB}";')
    filters_of(house, "bob", 'require ["fileinto", "mailbox"]; fileinto :create "Renvoi";')
    send(house, letter())
    assert house.mail("ada") == []
    (sent_on,) = map(parsed, house.mail("bob", "Renvoi"))
    assert sent_on["X-Sieve-Redirected-From"] == f"<{ADAS}>"
    assert sent_on["Return-Path"] == f"<{FRIEND}>"
    assert filtered(house)[:1] == ["filter-sent-on"]


def test_a_circle_ends_where_it_began(house: House) -> None:
    filters_of(house, "ada", f'redirect "{BOB}";')
    filters_of(house, "bob", f'redirect "{ADA}";')
    send(house, letter())
    (kept,) = house.mail("ada")
    assert house.mail("bob") == []
    send(house, kept.partition(b"\r\n")[2])
    assert len(house.mail("ada")) == 2, "what comes back from elsewhere goes round no more"


def test_to_oneself_is_no_circle(house: House) -> None:
    filters_of(house, "ada", f'redirect "{ADA.upper()}";')
    send(house, letter())
    assert len(house.mail("ada")) == 1


def test_outside_only_where_the_academy_allows(house: House, make_house: HouseMaker) -> None:
    script = 'require "copy"; if header :is "subject" "secret" { stop; } redirect "moi@perso.fr";'
    filters_of(house, "ada", script)
    for _ in range(2):
        send(house, letter())
    assert outgoing(house) == []
    told, *kept = sorted(map(parsed, house.mail("ada")), key=lambda one: one["Auto-Submitted"] is None)
    assert len(kept) == 2
    assert "moi@perso.fr" in told.get_content()

    other = make_house(filters={"redirect": "anywhere", "redirects_per_day": 2})
    filters_of(other, "ada", script)
    send(other, letter(), sender="")
    send(other, letter())
    sent = outgoing(other)
    assert [one[:3] for one in sent] == [("", "moi@perso.fr", "teacher"), (ADAS, "moi@perso.fr", "teacher")]
    assert sent[1][3]["X-Sieve-Redirected-From"] == f"<{ADAS}>"
    assert other.mail("ada") == []
    send(other, letter())
    assert len(outgoing(other)) == 2
    assert len(other.mail("ada")) == 2, "the message, and why it stayed"
    origin = Origin("test", "console")
    other.store.write_now(rules.forbid, origin, Population.TEACHER, Population.OUTSIDE, denied=True)
    other.store.write_now(forget)
    send(other, letter())
    assert outgoing(other) == []


def test_what_is_sent_on_to_several_is_one_content_counted_at_once(
    make_house: HouseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(filters={"redirect": "anywhere", "redirects_per_day": 3})
    claims: list[int] = []
    really = filter_memory.claim_within

    def counting(tx: Tx, account_id: int, kind: Kind, keys: list[bytes], expires: int, most: int) -> int:
        claims.append(len(keys))
        return really(tx, account_id, kind, keys, expires, most)

    monkeypatch.setattr(filter_memory, "claim_within", counting)
    to = ["moi@perso.fr", "moi@maison.fr", BOB, f"eve@{DOMAIN}"]
    filters_of(house, "ada", "".join(f'redirect "{address}";' for address in to))
    send(house, letter())
    assert [(path, address) for path, address, _, _ in outgoing(house)] == [(ADAS, address) for address in to[:2]]
    assert house.read(lambda tx: tx.execute(select(func.count()).select_from(queued)).scalar_one()) == 1
    assert (claims, len(house.mail("bob")), house.mail("eve")) == ([4], 1, [])
    assert filtered(house) == ["filter-sent-on"] * 3
    assert len(house.mail("ada")) == 2, "one address too many: the message, and why it stayed"


def test_a_notice_goes_where_mail_may(house: House) -> None:
    script = f'require ["enotify", "variables"]; notify :message "Du courrier" "mailto:{BOB}?subject=x&body=Voir";'
    filters_of(house, "ada", script)
    filters_of(house, "bob", script.replace(BOB, ADA))
    send(house, letter())
    (notice,) = map(parsed, house.mail("bob"))
    assert notice["Auto-Submitted"].startswith(f'auto-notified; owner-email="{ADAS}"')
    assert notice["From"].addresses[0].addr_spec == ADAS
    assert len(house.mail("ada")) == 1
    send(house, letter("List-Id: <profs.ailleurs.fr>"), sender="")
    assert len(house.mail("bob")) == 2, "of a report too, and of a list's mail (RFC 5436 section 2.7)"
    assert len(house.mail("ada")) == 2
    send(house, letter("Auto-Submitted: auto-replied"), sender="")
    assert (len(house.mail("ada")), len(house.mail("bob"))) == (3, 2)


def test_a_changed_header_is_a_copy_of_ones_own(house: House) -> None:
    filters_of(house, "ada", 'require "editheader"; addheader "X-Classe" "6e B"; deleteheader "Subject";')
    send(house, letter(), ADA, BOB)
    (mine,), (theirs,) = house.mail("ada"), house.mail("bob")
    assert b"X-Classe: 6e B\r\n" in mine
    assert b"Subject:" not in mine
    assert b"X-Classe" not in theirs
    assert mine.partition(b"\r\n\r\n")[2] == theirs.partition(b"\r\n\r\n")[2]


def test_what_is_written_anew_is_a_copy_of_ones_own(house: House) -> None:
    """RFC 5703; what is sent on is what came."""
    filters_of(
        house,
        "ada",
        f"""require ["enclose", "replace", "fileinto", "copy"]; redirect :copy "{BOB}"; fileinto "Archive";
        enclose :subject "Attention" "Douteux."; redirect :copy "eve@{DOMAIN}"; fileinto "Trash";
        replace "Rien."; keep;""",
    )
    send(house, letter())
    assert [parsed(house.mail("ada", box)[0]).get_content_type() for box in ("Archive", "Trash", "INBOX")] == [
        "text/plain", "multipart/mixed", "text/plain",
    ]  # fmt: skip
    (archived,), (enclosed,), (replaced,) = (house.mail("ada", box) for box in ("Archive", "Trash", "INBOX"))
    assert parsed(enclosed)["Subject"] == "Attention"
    assert archived in enclosed
    assert parsed(replaced).get_content().strip() == "Rien."
    for login in ("bob", "eve"):
        (sent,) = house.mail(login)
        assert sent.endswith(archived.partition(b"From:")[2])


def test_each_copy_has_the_header_of_its_moment(house: House) -> None:
    filters_of(
        house,
        "ada",
        rf"""require ["editheader", "fileinto", "mailbox", "special-use", "copy"]; redirect :copy "{BOB}";
        fileinto :create "Comme reçu"; addheader "X-Classe" "6e B"; fileinto :create "Marqué"; fileinto "Junk";
        addheader "X-Classe" "6e C"; fileinto :specialuse "\\Junk" "INBOX"; fileinto "Nulle part"; keep;""",
    )
    send(house, letter())
    counts = {
        box: [one.count(b"X-Classe") for one in house.mail("ada", box)]
        for box in ("INBOX", "Comme reçu", "Marqué", "Junk", "Nulle part")
    }
    assert counts == {"INBOX": [2], "Comme reçu": [0], "Marqué": [1], "Junk": [2], "Nulle part": []}
    assert [one.count(b"X-Classe") for one in house.mail("bob")] == [0]


def test_a_script_knows_where_it_runs_and_who_handed_the_message_over(house: House) -> None:
    """RFC 5183 section 4.1; of a door for our own people and machines it says nothing."""
    script = f"""require ["environment", "fileinto", "mailbox", "relational", "comparator-i;ascii-numeric"];
        if allof (environment "domain" "{DOMAIN}", environment "host" "{house.settings.name}",
            environment "location" "MS", environment "phase" "during", environment :contains "name" "",
            not environment :contains "remote-host" "", not environment :contains "zork" "") {{
            if environment "remote-ip" "127.0.0.1" {{ fileinto :create "Dehors"; }}
            elsif not environment :contains "remote-ip" "" {{ fileinto :create "Dedans"; }}
        }}"""
    filters_of(house, "ada", script)
    send(house, letter())
    with smtplib.LMTP("127.0.0.1", house.ports["lmtp"], timeout=60) as client:
        client.sendmail(FRIEND, [ADA], letter())
    assert [len(house.mail("ada", box)) for box in ("Dehors", "Dedans", "INBOX")] == [1, 1, 0]


def test_seen_once_is_not_kept_twice(house: House) -> None:
    filters_of(house, "ada", 'require ["duplicate", "fileinto"]; if duplicate { fileinto "Trash"; }')
    for _ in range(2):
        send(house, letter())
    assert (len(house.mail("ada")), len(house.mail("ada", "Trash"))) == (1, 1)


def test_scripts_include_others(house: House) -> None:
    folder = house.settings.directory / "sieve"
    folder.mkdir(exist_ok=True)
    (folder / "commun.sieve").write_text(
        'require "fileinto"; if header :is "subject" "a" { fileinto "Archive"; stop; }'
    )
    filters_of(house, "ada", 'require "fileinto"; fileinto "Trash";', "mien")
    filters_of(house, "ada", 'require "include"; include :global "commun"; include :personal "mien";')
    for subject in ("a", "b"):
        send(house, letter(subject=subject))
    assert (len(house.mail("ada", "Archive")), len(house.mail("ada", "Trash"))) == (1, 1)


def test_a_filter_that_fails_keeps_mail_and_says_so_once(house: House) -> None:
    filters_of(house, "ada", 'require "include"; include "parti";')
    for _ in range(2):
        send(house, letter())
    notices = [one for one in map(parsed, house.mail("ada")) if one["Auto-Submitted"]]
    assert len(house.mail("ada")) == 3
    assert len(notices) == 1
    assert "filtre" in notices[0].get_content()
    assert house.read(filter_memory.count, house.people["ada"].account_id, filter_memory.Kind.FAILURE) == 1


def test_lists_bring_mail_through_filters_and_the_service_is_heard(house: House) -> None:
    filters_of(house, "ada", 'require ["fileinto", "vacation"]; vacation "Absente"; fileinto "Archive";')
    send(house, letter(to=f"equipe@{DOMAIN}"), f"equipe@{DOMAIN}")
    assert (len(house.mail("ada", "Archive")), len(house.mail("ada"))) == (1, 0)
    assert [one[1] for one in outgoing(house)] == [FRIEND], "the list's own copy for a member elsewhere"
    assert house.mail("admin") == [], "its owners, to whom answers to the list's copies would go"
    filters_of(house, "ada", "discard;")
    house.run(house.submission.post(ADA, letter(sender=f"postmaster@{DOMAIN}")))
    assert len(house.mail("ada")) == 1


def test_a_crowd_of_places_is_bounded_by_the_quota(house: House) -> None:
    filters_of(house, "ida", 'require "fileinto"; fileinto "Archive"; fileinto "Trash"; keep;')
    big = letter(to=f"ida@{DOMAIN}") + b"x" * 70 + b"\r\n" + (b"y" * 76 + b"\r\n") * 770
    send(house, big, f"ida@{DOMAIN}")
    assert [len(house.mail("ida", box)) for box in ("Archive", "Trash", "INBOX")] == [1, 0, 0]


def share(house: House, login: str, box: str, rights: str, to: str = "ada") -> None:
    """What Ada may do in a mailbox of somebody else."""
    viewer, origin = Viewer.of(house.people[login].account_id, login), Origin(login, "imap")
    house.store.write_now(provision, viewer.account_id)
    house.store.write_now(access.change, viewer, box, to, "=", frozenset(rights), origin, negative=False)


def test_a_mailbox_of_others_takes_what_its_owner_lets_one_insert(make_house: HouseMaker) -> None:
    house = make_house(clock=StandingClock())  # of which the day does not end meanwhile
    script = """require ["fileinto", "imap4flags", "mailbox", "copy"];
        if header "subject" "Nul" { fileinto :create "Partagés/bob/Neuf"; fileinto "Partagés/bob/Trash"; stop; }
        if mailboxexists "Partagés/bob/Archive" { fileinto :flags ["\\Deleted", "$Classe"] "Partagés/bob/Archive"; }
        fileinto :copy "Partagés/noe/Archive";"""
    filters_of(house, "ada", script)
    send(house, letter())
    assert (len(house.mail("ada")), house.mail("bob", "Archive")) == (1, [])
    share(house, "bob", "Archive", "lri")
    share(house, "bob", "Trash", "lr")
    share(house, "noe", "Archive", "lri")
    for subject in ("Sortie", "Nul"):
        send(house, letter(subject=subject), ADA, BOB)
    assert [len(house.mail("bob", box)) for box in ("INBOX", "Archive", "Trash")] == [2, 1, 0]
    assert flags_of(house, "bob", "Archive") == [()], "the right to set flags is another one"
    assert len(house.mail("ada")) == 3, "one for which there was no room, one that was not let in"
    found = house.read(access.acts, house.people["bob"].account_id, 10)
    assert [(one.actor_id, one.mailbox, one.act, one.messages) for one in found] == [
        (house.people["ada"].account_id, "Archive", "append", 1)
    ]
    send(house, letter())
    (act,) = house.read(access.acts, house.people["bob"].account_id, 10)  # one row a day, however much mail comes
    assert (act.messages, act.detail.to("fr")) == (2, "par un filtre : 1,2")
    share(house, "bob", "Archive", "")
    send(house, letter())
    assert (len(house.mail("bob", "Archive")), len(house.mail("ada"))) == (2, 5)


def test_whoever_has_it_already_gets_no_second_copy(house: House) -> None:
    filters_of(house, "ada", 'require "fileinto"; fileinto "Partagés/bob/Archive";')
    filters_of(house, "bob", 'require "fileinto"; fileinto "Archive";')
    share(house, "bob", "Archive", "lri")
    share(house, "bob", "INBOX", "lri")
    send(house, letter(), ADA, BOB)
    assert (len(house.mail("bob", "Archive")), house.mail("ada")) == (1, [])
    off(house, "bob")
    filters_of(house, "ada", 'require "fileinto"; fileinto "Partagés/bob/INBOX";')
    send(house, letter(), ADA, BOB)
    assert (len(house.mail("bob")), house.mail("ada")) == (1, [])
    send(house, letter(), ADA)
    assert (len(house.mail("bob")), house.mail("ada")) == (2, [])
    share(house, "bob", "Archive", "")
    share(house, "bob", "INBOX", "")


def test_whose_account_is_suspended_files_nothing_with_others(house: House) -> None:
    """Ida is suspended and may receive; by IMAP she could not put anything there."""
    filters_of(house, "ida", 'require ["fileinto", "mailbox"]; fileinto :create "Partagés/bob/Archive";')
    share(house, "bob", "Archive", "lri", "ida")
    send(house, letter(to=f"ida@{DOMAIN}"), f"ida@{DOMAIN}")
    assert (house.mail("bob", "Archive"), len(house.mail("ida"))) == ([], 1)
    share(house, "bob", "Archive", "", "ida")


LONG = f'set "a" "{"x" * 15_000}";' + 'if string :contains "${a}" "y" { discard; }' * 200


@pytest.mark.parametrize(
    ("script", "lines", "beside"),
    [
        ('if header "subject" "Sortie" { fileinto "Archive"; }', 0, 0),
        ('if body :contains "Bonjour" { fileinto "Archive"; }', 0, 0),
        ('if mailboxexists "Archive" { fileinto "Archive"; }', 0, 1),
        ('if not duplicate { fileinto "Archive"; }', 0, 1),
        ('include :optional "x"; fileinto "Archive";', 0, 1),
        (f'{LONG} fileinto "Archive";', 0, 1),
        ('if allof (header "subject" "Sortie", size :over 32K) { fileinto "Archive"; }', 500, 0),
        ('if body :contains "Bonjour" { fileinto "Archive"; }', 500, 1),
    ],
)
def test_what_is_soon_done_and_asks_nothing_needs_no_thread(
    house: House, monkeypatch: pytest.MonkeyPatch, script: str, lines: int, beside: int
) -> None:
    """Nor does the header of a large message."""
    runs: list[int] = []
    really = Filters._run_some

    def counting(filters: Filters, *given: Any) -> Any:
        runs.append(len(given))
        return really(filters, *given)

    monkeypatch.setattr(Filters, "_run_some", counting)
    requires = '"fileinto", "body", "mailbox", "duplicate", "include", "variables"'
    filters_of(house, "ada", f"require [{requires}]; {script}")
    send(house, letter() + lines * (b"x" * 76 + b"\r\n"))
    assert (len(house.mail("ada", "Archive")), house.mail("ada"), len(runs)) == (1, [], beside)
