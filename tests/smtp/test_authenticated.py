"""Mail from other servers is authenticated: what is found stands on top and beside the message, and the author's
domain decides what becomes of mail that it did not send."""

import shutil
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mailserver.mime import scan
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Chain, Outcome, Reverse
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import junk, mailboxes, messages
from mailserver.store.mail.junk import Source
from mailserver.store.mail.posts import digest_posts
from mailserver.store.people.mailing_lists import lists
from mailserver.store.schema.people.rosters import digest_post
from mailserver.store.web import archive_pages
from mailserver.store.web.archive_view import ArchiveView
from tests.inbound.authentication.name_server import NameServer
from tests.inbound.authentication.signers import KEY, MESSAGE, dkimpy_says, record, seal, sign
from tests.ports import free_port
from tests.smtp.conftest import HouseMaker
from tests.smtp.house import DOMAIN, LIST, House

ADA, BOB = f"ada@{DOMAIN}", f"bob@{DOMAIN}"
PEER = "127.0.0.2"
"""No relay of this house."""
HOST = DOMAIN.encode()


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    server = NameServer()
    server["a.fr", "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
    server["s._domainkey.a.fr", "TXT"] = [record(KEY)]
    server["s._domainkey.liste.fr", "TXT"] = [record(KEY)]
    server["_dmarc.a.fr", "TXT"] = [b"v=DMARC1; p=reject; sp=quarantine"]
    server["_dmarc.put-aside.fr", "TXT"] = [b"v=DMARC1; p=quarantine"]
    server["_dmarc.mild.fr", "TXT"] = [b"v=DMARC1; p=none"]
    for number in range(1, 4):
        server[f"_dmarc.{number}.fr", "TXT"] = [b"v=DMARC1; p=none"]
    server["_dmarc.half.fr", "TXT"] = [b"v=DMARC1; p=reject; pct=0"]
    server["_dmarc.np.fr", "TXT"] = [b"v=DMARC1; p=none; np=reject"]
    server["there.np.fr", "A"] = ["192.0.2.1"]
    server["macro.fr", "TXT"] = [b"v=spf1 exists:%{l}._spf.macro.fr -all"]
    server["_dmarc.macro.fr", "TXT"] = [b"v=DMARC1; p=reject"]
    server.moods["broken._domainkey.a.fr"] = "broken"
    server.moods["broken._domainkey.put-aside.fr"] = "broken"
    server.moods["broken._domainkey.mild.fr"] = "broken"
    server.moods["_dmarc.lame.a.fr"] = "broken"
    server["liste.fr", "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
    server["2.0.0.127.in-addr.arpa", "PTR"] = ["mx.a.fr."]
    server["mx.a.fr", "A"] = ["127.0.0.2"]
    yield server
    server.stop()


def make(make_house: HouseMaker, names: NameServer, name: str = "dir", **authentication: object) -> House:
    return make_house(
        name, smtp={"relays": ["127.0.0.1"]}, dns={"nameservers": [names.setting]}, authentication=authentication
    )


@pytest.fixture(scope="module")
def shared(instance_template: Path, tmp_path_factory: pytest.TempPathFactory, names: NameServer) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("authenticated") / "dir"
    shutil.copytree(instance_template, directory)
    house = House(directory, smtp={"relays": ["127.0.0.1"]}, dns={"nameservers": [names.setting]})
    yield house
    house.stop()


@pytest.fixture
def house(shared: House) -> House:
    shared.empty()
    return shared


def arrive(
    house: House,
    octets: bytes,
    *to: str,
    sender: str = "ada@a.fr",
    source: str = PEER,
    port: str = "smtp",
    helo: str = "mx.a.fr",
) -> tuple[int, str]:
    """The answer to the message."""
    kind = smtplib.LMTP if port == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", house.ports[port], helo, timeout=60, source_address=(source, 0)) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(sender)
        for one in to or (ADA,):
            assert client.rcpt(one)[0] == 250
        code, text = client.data(octets)
        return code, text.decode()


def of(author: str) -> bytes:
    return f"From: {author}\r\nSubject: x\r\n\r\nx\r\n".encode()


def results(house: House, login: str = "ada", box: str = "INBOX") -> AuthenticationResults:
    """What the store knows of the newest message."""

    def read(tx: Tx) -> int:
        account = house.people[login].account_id
        found = next(one for one in mailboxes.listing(tx, account) if one.name == box)
        (row,) = messages.fetch_uids(tx, account, found.id, ("uid", "authentication"), [found.uidnext - 1])
        return int(row[-1])

    return AuthenticationResults.stored(house.read(read))


def test_what_its_author_sent_and_signed(house: House) -> None:
    octets = sign(MESSAGE)
    assert arrive(house, octets)[0] == 250
    (stored,) = house.mail("ada")
    assert stored.endswith(octets)
    top = stored.removesuffix(octets).decode()
    path, field, hop, _ = top.replace("\r\n\t", " ").split("\r\n")
    assert path == "Return-Path: <ada@a.fr>"
    assert field == (
        f"Authentication-Results: {DOMAIN}; spf=pass smtp.mailfrom=ada@a.fr; dkim=pass header.d=a.fr header.s=s; "
        "dmarc=pass header.from=a.fr; iprev=pass (mx.a.fr) policy.iprev=127.0.0.2"
    )
    assert hop.startswith("Received: from mx.a.fr (mx.a.fr [127.0.0.2])")
    assert results(house) == AuthenticationResults(
        Outcome.PASS, Outcome.PASS, Alignment.PASS, Chain.NONE, Reverse.PASS, quarantined=False, one_click=False
    )


def test_results_go_along_with_copies_and_lists(house: House) -> None:
    assert arrive(house, sign(MESSAGE), LIST, ADA)[0] == 250
    assert results(house, "bob").authenticated

    def copy(tx: Tx) -> None:
        account = house.people["bob"].account_id
        source, target = (mailboxes.get(tx, account, name) for name in ("INBOX", "Trash"))
        for uids in ([source.uidnext - 1], [source.uidnext - 1]):
            messages.copy(tx, account, source.id, target.id, uids)

    house.store.write_now(copy)
    assert results(house, "bob", "Trash").authenticated


@pytest.mark.parametrize("port", ["smtp", "lmtp"])
def test_what_somebody_else_sent_is_refused_as_its_domain_asks(house: House, port: str) -> None:
    code, text = arrive(house, of("ada@a.fr"), sender="eve@evil.fr", port=port)
    assert (code, text[:6]) == (550, "5.7.26")
    assert "rien ne prouve que ce message vient de a.fr" in text
    assert "nothing shows that this message is from a.fr" in text
    assert house.mail("ada") == house.mail("ada", "Junk") == []


def told(house: House, login: str, box: str) -> Source | None:
    """Who put the only message of a mailbox aside, as its owner is told."""
    account = house.people[login].account_id

    def look(tx: Tx) -> Source | None:
        found = mailboxes.get(tx, account, box).id
        (uid, _, _) = messages.state(tx, found)[0]
        ((_, content_id),) = messages.fetch_uids(tx, account, found, ("uid", "content_id"), [uid])
        verdict, _said = junk.verdict(tx, account, content_id)
        return verdict.source if verdict is not None else None

    return house.read(look)


@pytest.mark.parametrize(
    ("author", "box", "alignment"),
    [
        ("x@put-aside.fr", "Junk", Alignment.FAIL),
        ("x@below.a.fr", "Junk", Alignment.FAIL),
        ("x@half.fr", "Junk", Alignment.FAIL),
        ("x@mild.fr", "INBOX", Alignment.FAIL),
        ("x@there.np.fr", "INBOX", Alignment.FAIL),
        ("x@nothing.fr", "INBOX", Alignment.NONE),
    ],
)
def test_milder_wishes(house: House, author: str, box: str, alignment: Alignment) -> None:
    assert arrive(house, of(author), ADA, BOB, sender="eve@evil.fr")[0] == 250
    assert len(house.mail("ada", box)) == len(house.mail("bob", box)) == 1
    assert results(house, "ada", box).dmarc is alignment
    assert results(house, "ada", box).quarantined == (box == "Junk")
    assert told(house, "ada", box) is (Source.POLICY if box == "Junk" else None)


@pytest.mark.parametrize(
    "author",
    [
        *("x@missing.np.fr", "x@mild.fr, y@a.fr", "odd, x@a.fr", "Ada <x@A.FR>", "<x@a.fr> <eve@evil.fr>"),
        *("<eve@evil.fr> <x@a.fr>", "x@a.fr eve@evil.fr", "<@evil.fr:x@a.fr>", "x@a.fr.", "x@e.fr\r\nFrom: x@a.fr"),
    ],
)
def test_no_way_round(house: House, author: str) -> None:
    assert arrive(house, of(author), sender="eve@evil.fr")[0] == 550


def test_who_stands_in_the_authors_place_is_one(house: House) -> None:
    assert arrive(house, b"Sender: x@a.fr\r\n\r\nx\r\n", sender="eve@evil.fr")[0] == 550
    assert arrive(house, b"Sender: x@a.fr\r\nFrom: x@mild.fr\r\n\r\nx\r\n", sender="eve@evil.fr")[0] == 250


@pytest.mark.parametrize(
    ("authors", "box", "code"),
    [
        ("a@1.fr, a@2.fr, a@3.fr, x@a.fr", "Junk", 250),
        ("a@1.fr, x@a.fr, a@2.fr, a@3.fr", "Junk", 550),
        ('"Ada (x@a.fr)" <x@mild.fr>', "INBOX", 250),
        ('"Ada <x@a.fr>" <x@mild.fr> (x@a.fr)', "INBOX", 250),
        ("x@a.fr <x@mild.fr>", "INBOX", 250),
    ],
)
def test_more_authors_than_are_looked_up(house: House, authors: str, box: str, code: int) -> None:
    assert arrive(house, of(authors), sender="eve@evil.fr")[0] == code
    assert len(house.mail("ada", box)) == (code == 250)
    if box == "Junk" and code == 250:
        assert results(house, "ada", box).suspect


def test_a_strangers_maze_saves_nothing(house: House, names: NameServer) -> None:
    """Who borrows an address has the rest of the message fail for now: the policy holds all the same."""
    names.moods["slow.fr"] = "broken"
    names.moods["s._domainkey.slow.fr"] = "broken"
    octets = sign(of("x@put-aside.fr"), b"slow.fr")
    assert arrive(house, octets, sender="eve@slow.fr")[0] == 250
    assert results(house, "ada", "Junk").dmarc is Alignment.FAIL
    assert results(house, "ada", "Junk").spf is Outcome.TEMPERROR


TAGS = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; bh=AAAA; b=AAAA; h=from; "


@pytest.mark.parametrize(
    "field",
    [
        f"{TAGS}d=evil.fr; s=s; l=\r\n",
        f"{TAGS}d=a.fr; s=a..b\r\n",
        f"{TAGS}d=a.fr; s={'x' * 64}\r\n",
        f"{TAGS}d=a.fr; s=x\\9\r\n",
    ],
)
def test_no_signature_switches_a_policy_off(house: House, field: str) -> None:
    assert arrive(house, field.encode() + of("ada@a.fr"), sender="eve@evil.fr")[0] == 550


def test_a_malformed_name_in_spf_switches_no_policy_off(house: House) -> None:
    assert arrive(house, of("x@macro.fr"), sender='"x\\\\9"@macro.fr')[0] == 550


def test_what_is_put_aside_is_vouched_for_by_no_digest_and_in_no_archive(house: House) -> None:
    ada = house.people["ada"].account_id
    house.store.write_now(lists.change, LIST, {"archive": "members"})
    house.store.write_now(digest_posts.choose, LIST, ada, digest=True)
    assert arrive(house, of("x@put-aside.fr"), LIST)[0] == 250
    assert [len(house.mail(one, "Junk")) for one in ("ada", "bob")] == [1, 1]
    waiting = select(func.count()).select_from(digest_post)
    assert house.read(lambda tx: tx.execute(waiting).scalar_one()) == 0
    assert house.read(archive_pages.count, ArchiveView(LIST)) == 0
    assert arrive(house, of("x@mild.fr"), LIST)[0] == 250
    assert [len(house.mail(one)) for one in ("ada", "bob")] == [0, 1]
    assert house.read(lambda tx: tx.execute(waiting).scalar_one()) == 1
    assert house.read(archive_pages.count, ArchiveView(LIST)) == 1
    house.store.write_now(lists.change, LIST, {"archive": "none"})
    house.store.write_now(digest_posts.forget_list, LIST)


@pytest.mark.parametrize("domain", ["a.fr", "put-aside.fr", "lame.a.fr"])
def test_what_nobody_knows_now_comes_again_where_a_policy_hangs_on_it(house: House, domain: str) -> None:
    octets = f"{TAGS}d={domain}; s=broken\r\n".encode() + of(f"x@{domain}")
    code, text = arrive(house, octets, sender="eve@evil.fr")
    assert (code, domain in text) == (451, True)
    assert house.mail("ada") == house.mail("ada", "Junk") == []
    assert arrive(house, octets, f"postmaster@{DOMAIN}", sender="eve@evil.fr")[0] == 250
    signed = sign(octets, domain.removeprefix("lame.").encode(), KEY)
    if domain != "put-aside.fr":  # another signature shows it
        assert arrive(house, signed, sender="eve@evil.fr")[0] == 250


def test_what_nobody_knows_now_is_taken_where_no_policy_hangs_on_it(house: House) -> None:
    octets = f"{TAGS}d=mild.fr; s=broken\r\n".encode() + of("x@mild.fr")
    assert arrive(house, octets, sender="eve@evil.fr")[0] == 250
    assert results(house).dmarc is Alignment.TEMPERROR


def test_no_selector_hides_what_follows_it(house: House) -> None:
    octets = f'{TAGS}d=mild.fr; s=x"\r\n'.encode() + of("x@mild.fr")
    assert arrive(house, octets, sender="eve@evil.fr")[0] == 250
    field = house.mail("ada")[0].partition(b"\r\nReceived:")[0]
    assert b'"' not in field
    assert b"dmarc=fail" in field


@pytest.mark.parametrize("setting", ["note", "off"])
def test_nothing_is_refused_where_it_is_not_wanted(make_house: HouseMaker, names: NameServer, setting: str) -> None:
    house = make(make_house, names, dmarc=setting)
    assert arrive(house, of("ada@a.fr"), sender="eve@evil.fr")[0] == 250
    assert results(house).checked == (setting == "note")
    assert (b"dmarc=fail" in house.mail("ada")[0]) == (setting == "note")


def test_postmaster_gets_what_is_refused_to_the_others(house: House) -> None:
    code, text = arrive(house, of("ada@a.fr"), ADA, f"postmaster@{DOMAIN}", BOB, sender="eve@evil.fr")
    assert (code, text[:6]) == (550, "5.7.26")
    assert (len(house.mail("admin")), house.mail("admin", "Junk")) == (1, [])
    assert house.mail("ada") == house.mail("bob") == []


def test_postmaster_stays_open(house: House) -> None:
    assert arrive(house, of("ada@a.fr"), f"postmaster@{DOMAIN}", sender="eve@evil.fr")[0] == 250


def test_relays_are_not_asked(house: House, names: NameServer) -> None:
    before = len(names.asked)
    assert arrive(house, of("ada@a.fr"), sender="eve@evil.fr", source="127.0.0.1")[0] == 250
    assert not results(house).checked
    assert len(names.asked) == before
    assert b"Authentication-Results" not in house.mail("ada")[0]


def test_known_lists_and_trusted_sealers(make_house: HouseMaker, names: NameServer) -> None:
    sealed = seal(MESSAGE, b"liste.fr", "dmarc=pass header.from=a.fr").replace(b"Bonjour", b"Bonjour")
    house = make(make_house, names, trusted_sealers=["liste.fr"])
    assert arrive(house, sealed, sender="l@elsewhere.fr")[0] == 250
    assert (results(house).dmarc, results(house).arc) == (Alignment.EXCUSED, Chain.PASS)
    assert not results(house).authenticated
    assert b"arc=pass header.d=liste.fr; dmarc=fail" in house.mail("ada")[0].replace(b"\r\n\t", b" ")
    assert arrive(house, sealed.replace(b"Bonjour", b"Bonsoir"), sender="l@elsewhere.fr")[0] == 550
    assert arrive(house, MESSAGE, sender="l@liste.fr")[0] == 550
    house = make(make_house, names, "lists", known_lists=["liste.fr"])
    assert arrive(house, MESSAGE, sender="l@liste.fr")[0] == 250
    assert results(house).dmarc is Alignment.EXCUSED
    assert arrive(house, MESSAGE, sender="l@evil-liste.fr")[0] == 550
    assert arrive(house, sealed, sender="l@elsewhere.fr")[0] == 550


FORGED = [
    f"Authentication-Results: {DOMAIN}; dmarc=pass",
    f"authentication-results :\r\n {DOMAIN.upper()} 1; dmarc=pass",
    f'Authentication-Results: "{DOMAIN}"; dmarc=pass',
    f"Authentication-Results: (x) {DOMAIN}.; dmarc=pass",
    f"Authentication-Results: ({DOMAIN}) (a(b)) {DOMAIN}",
    f"Authentication-Results: ({'x' * 900})\r\n ({'x' * 900})\r\n ({'x' * 900}) {DOMAIN}; dmarc=pass",
    "Authentication-Results:" + ("\r\n" + " " * 900) * 3 + f" {DOMAIN}; dmarc=pass",
    "Authentication-Results: (; dmarc=pass",
    "Authentication-Results: ; dmarc=pass",
]
FOREIGN = [
    "Authentication-Results: mx.autre.fr; dmarc=pass",
    f"Authentication-Results: mx.{DOMAIN}; dmarc=pass",
    "Authentication-Results: mx.autre.fr;" + "\r\n dkim=none" * 300,
    f"Authentication-Results: mx.autre.fr; spf=pass smtp.mailfrom={DOMAIN}",
    f"X-Authentication-Results: {DOMAIN}; dmarc=pass",
    f"ARC-Authentication-Results: i=1; {DOMAIN}; dmarc=pass",
]


@pytest.mark.parametrize("source", ["127.0.0.1", PEER])
def test_results_in_our_name_are_taken_away_and_no_others(house: House, source: str) -> None:
    kept = "\r\n".join(FOREIGN)
    octets = f"{FORGED[0]}\r\n{kept}\r\n" + "\r\n".join(FORGED[1:]) + "\r\nFrom: x@mild.fr\r\n\r\n" + "x\r\n" * 50_000
    assert arrive(house, octets.encode(), source=source)[0] == 250
    (stored,) = house.mail("ada")
    assert stored.endswith(f"{kept}\r\nFrom: x@mild.fr\r\n\r\n".encode() + b"x\r\n" * 50_000)
    ours = b"Authentication-Results: " + HOST + b";"
    assert stored.count(b"\n" + ours) == (1 if source == PEER else 0)
    assert stored.lower().count(b"dmarc=pass") == 4


@pytest.mark.parametrize(
    ("author", "sender", "code"),
    [
        (f"recteur@{DOMAIN}", "x@a.fr", 550),
        (f"recteur@{DOMAIN}", f"recteur@{DOMAIN}", 250),
        ("x@mild.fr", f"recteur@{DOMAIN}", 250),
        (f'"recteur@{DOMAIN}" <>', "x@a.fr", 550),
    ],
)
def test_our_own_domain_where_our_dns_is_believed(
    make_house: HouseMaker, names: NameServer, author: str, sender: str, code: int
) -> None:
    smtp = {"relays": [], "own_domain_from_outside": "authenticated"}
    house = make_house(smtp=smtp, dns={"nameservers": [names.setting]})
    names[DOMAIN, "TXT"] = [b"v=spf1 ip4:127.0.0.2 -all"]
    assert arrive(house, of(author), sender=sender)[0] == code
    assert arrive(house, of(author), sender=sender, source="127.0.0.3")[0] == 550


def test_our_own_mail_comes_again_while_our_dns_is_away(make_house: HouseMaker, names: NameServer) -> None:
    smtp = {"relays": [], "own_domain_from_outside": "authenticated"}
    house = make_house(smtp=smtp, dns={"nameservers": [names.setting]})
    names.moods[DOMAIN] = "broken"
    try:
        assert arrive(house, of("x@mild.fr"), sender=f"recteur@{DOMAIN}")[0] == 451
        assert arrive(house, of(f"recteur@{DOMAIN}"), sender=f"recteur@{DOMAIN}")[0] == 451
    finally:
        del names.moods[DOMAIN]


def test_a_machine_without_dns_takes_mail_without_a_wait(make_house: HouseMaker) -> None:
    nobody = f"127.0.0.1:{free_port('127.0.0.1')}"
    house = make_house(smtp={"relays": []}, dns={"nameservers": [nobody]})
    for number in range(3):
        assert arrive(house, sign(MESSAGE), sender=f"x@{number}.fr")[0] == 250
    assert (results(house).dmarc, results(house).spf) == (Alignment.TEMPERROR, Outcome.TEMPERROR)


@pytest.mark.parametrize("mood", ["silent", "garbage"])
def test_servers_that_do_not_answer_keep_no_one_waiting(make_house: HouseMaker, mood: str) -> None:
    names = NameServer()
    names.mood = mood  # type: ignore[assignment]
    try:
        house = make_house(smtp={"relays": []}, dns={"nameservers": [names.setting]})
        for number in range(5):
            assert arrive(house, sign(MESSAGE), sender=f"x@{number}.fr")[0] == 250
        assert any("0.fr" in one for one in names.asked)
        assert not any(f"{number}.fr" in one for one in names.asked for number in range(1, 5))
    finally:
        names.stop()


def test_a_message_of_many_pieces(house: House) -> None:
    body = (b"0123456789abcdef" * 4 + b"\r\n") * 30_000
    octets = sign(MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body)
    assert arrive(house, octets)[0] == 250
    assert results(house).dkim is Outcome.PASS
    assert house.mail("ada")[0].endswith(octets)


def test_one_click_needs_a_signature_that_covers_it(house: House) -> None:
    """RFC 8058 section 4."""
    way = b"List-Unsubscribe: <https://l.a.fr/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    arrive(house, sign(way + MESSAGE))
    assert not results(house).one_click
    import dkim  # type: ignore[import-untyped]

    names = [b"from", b"list-unsubscribe", b"list-unsubscribe-post"]
    signed = dkim.sign(way + MESSAGE, b"s", b"a.fr", KEY, include_headers=names) + way + MESSAGE
    arrive(house, signed)
    assert results(house).one_click
    arrive(house, b"List-Unsubscribe: <https://evil.fr/u>\r\n" + signed)
    assert not results(house).one_click


def test_a_mark_before_the_subject_is_written_once_signatures_were_verified(
    make_house: HouseMaker, names: NameServer
) -> None:
    """No signature holds after it; who is told of abuse gets what came, and what imitates nobody is left alone."""
    house = make_house(
        "marked",
        smtp={"relays": ["127.0.0.1"]},
        dns={"nameservers": [names.setting]},
        impersonation={"subject_mark": "[Attention : expéditeur imité]"},
    )
    octets = sign(MESSAGE.replace(b"From: Ada", b"From: Rectorat"))
    assert arrive(house, octets)[0] == 250
    (stored,) = house.mail("ada")
    assert scan(stored).subject == "[Attention : expéditeur imité] Une question de plus"
    found = results(house)
    assert (found.dkim, found.dmarc) == (Outcome.PASS, Alignment.PASS)
    records = {"s._domainkey.a.fr": record(KEY)}
    assert dkimpy_says(octets, records)
    as_it_leaves = stored[stored.index(b"DKIM-Signature") :]
    assert not dkimpy_says(as_it_leaves, records)
    forged = f"Authentication-Results: {DOMAIN}; dkim=pass\r\n".encode()
    assert arrive(house, forged + octets, BOB)[0] == 250
    (stored,) = house.mail("bob")
    assert forged not in stored
    assert scan(stored).subject.startswith("[Attention")
    assert arrive(house, octets, f"abuse@{DOMAIN}")[0] == 250
    assert house.mail("admin")[-1].endswith(octets)
    assert arrive(house, sign(MESSAGE))[0] == 250
    assert house.mail("ada")[-1].endswith(sign(MESSAGE).partition(b"From:")[2])
