"""`replace` and `enclose` (RFC 5703 sections 5 and 6)."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.filters import sieve
from mailserver.filters.sieve import FileInto, Keep, Redirect, RunError
from mailserver.mime.body import parser
from mailserver.mime.body.structure import Part, build
from tests.filters.sieve.runs import LETTER, Account, actions, facts

REQUIRES = (
    'require ["replace", "enclose", "foreverypart", "mime", "variables", "fileinto", "copy", "body", "editheader",'
    ' "include", "encoded-character", "extracttext"];'
)
ATTACHED = (
    b"From: a@b.fr\r\nTo: edupont@ac-exemple.fr\r\nSubject: Devis\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\nAvant\r\n--x\r\nContent-Type: text/plain\r\n\r\nVoir.\r\n"
    b"--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\nContent-Type: text/plain\r\n\r\nUn\r\n"
    b"--y\r\nContent-Type: text/html\r\n\r\n<b>Un</b>\r\n--y--\r\n--x\r\nContent-Type: application/zip\r\n"
    b"Content-Disposition: attachment; filename=a.zip\r\n\r\nPK\r\n--x\r\nContent-Type: text/plain\r\n\r\nFin\r\n"
    b"--x--\r\nApres\r\n"
)
ZIP = 'if header :mime :contenttype "content-type" "application/zip"'


def kept(script: str, message: bytes = ATTACHED) -> bytes:
    """What is in the inbox afterwards."""
    (found,) = actions(REQUIRES + script, message)
    assert isinstance(found, Keep)
    return message if found.edited is None else found.edited.applied(message)


def read(octets: bytes) -> EmailMessage:
    found = message_from_bytes(octets, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def leaves(octets: bytes) -> list[tuple[str, str]]:
    found = read(octets)
    assert not any(part.defects for part in found.walk())
    texts = [
        (part.get_content_type(), part.get_payload(decode=True)) for part in found.walk() if not part.is_multipart()
    ]
    return [(kind, text.decode().strip()) for kind, text in texts if isinstance(text, bytes)]


def test_the_whole_message() -> None:
    script = 'replace :subject "Été" :from "edupont@ac-exemple.fr" "Retiré.\r\n--x\r\n";'
    found = read(kept(script))
    assert (found["Subject"], found["Original-Subject"]) == ("Été", "Devis")
    assert (found["From"], found["Original-From"]) == ("edupont@ac-exemple.fr", "a@b.fr")
    assert (found["To"], found.get_content_type()) == ("edupont@ac-exemple.fr", "text/plain")
    assert found.get_content().splitlines() == ["Retiré.", "--x"]
    assert found.get_all("Content-Type") == ['text/plain; charset="utf-8"']
    assert found.get_all("MIME-Version") == ["1.0"]


def test_nobody_elses_name_is_put_on_it() -> None:
    found = read(kept('replace :from "Recteur <recteur@ac-exemple.fr>" "Virez.";'))
    assert (found.get_all("From"), found["Original-From"]) == (["a@b.fr"], None)
    found = read(kept('replace :mime "Content-Type: text/html\r\nFrom: x@y.fr\r\n\r\n<b>Virez</b>";'))
    assert (found.get_all("From"), found.get_content_type()) == (["a@b.fr"], "text/html")
    assert found.get_content().strip() == "<b>Virez</b>"


def test_a_part_is_replaced_and_the_others_stay() -> None:
    found = kept(f'foreverypart {{ {ZIP} {{ replace "Retirée : été."; }} }}')
    assert leaves(found) == [
        ("text/plain", "Voir."), ("text/plain", "Un"), ("text/html", "<b>Un</b>"), ("text/plain", "Retirée : été."),
        ("text/plain", "Fin"),
    ]  # fmt: skip
    assert found.startswith(ATTACHED[: ATTACHED.index(b"Content-Type: application")])
    assert found.endswith(ATTACHED[ATTACHED.index(b"\r\n--x\r\nContent-Type: text/plain\r\n\r\nFin") :])


def test_a_part_takes_those_within_it_along() -> None:
    alternative = 'if header :mime :subtype "content-type" "alternative"'
    script = f'foreverypart {{ {alternative} {{ replace "Un texte."; }} else {{ if header :mime :type'
    script += ' "content-type" "text" { replace "Autre."; } } }'
    assert [text for _, text in leaves(kept(script))] == ["Autre.", "Un texte.", "PK", "Autre."]


def test_tests_see_it_behind_the_loop() -> None:
    script = f"""foreverypart {{ {ZIP} {{ replace "Retirée."; fileinto "Dedans"; }} }}
        if allof (body :contains "Retirée", not body :content "application" :contains "PK")
        {{ fileinto "Derriere"; }}"""
    found = actions(REQUIRES + script, ATTACHED)
    assert [one.mailbox for one in found if isinstance(one, FileInto)] == ["Dedans", "Derriere"]
    assert all(isinstance(one, FileInto) and one.edited and b"PK" not in one.edited.applied(ATTACHED) for one in found)


def test_a_part_longer_than_what_a_run_reads() -> None:
    large = ATTACHED.replace(b"PK", b"PK" + b"x" * 3_000_000)
    assert kept(f'foreverypart {{ {ZIP} {{ replace "Retirée."; }} }}', large) == kept(
        f'foreverypart {{ {ZIP} {{ replace "Retirée."; }} }}'
    )


def test_an_enclosed_message_is_whole() -> None:
    script = """enclose :subject "Attention" :headers ["To", "X-Rien"] "Ce message est douteux.";
        if not allof (header "subject" "Attention", header :mime :anychild :contenttype "content-type" "message/rfc822",
            body :contains "douteux") { discard; stop; } addheader "X-Vu" "oui"; keep;"""
    octets = kept(script)
    found = read(octets)
    assert (found["Subject"], found["To"], found["X-Vu"]) == ("Attention", "edupont@ac-exemple.fr", "oui")
    assert found["From"] in facts().addresses
    assert found["Date"].datetime == facts().now
    text, message = found.iter_parts()
    assert text.get_content().strip() == "Ce message est douteux."
    (inner,) = message.iter_parts()
    assert (inner["Subject"], inner["From"]) == ("Devis", "a@b.fr")
    assert ATTACHED in octets
    twice = read(kept('enclose "Un."; enclose "Deux.";'))
    assert [part.get_content_type() for part in twice.walk()][:6] == [
        "multipart/mixed", "text/plain", "message/rfc822", "multipart/mixed", "text/plain", "message/rfc822",
    ]  # fmt: skip


def test_trace_stays_on_top_of_what_is_enclosed() -> None:
    found = kept('enclose "x";', LETTER)
    assert found.startswith(LETTER[: LETTER.index(b"From:")])


def test_what_is_sent_on_is_what_came() -> None:
    script = 'addheader "X-A" "1"; enclose "x"; replace "y"; addheader "X-B" "1"; redirect :copy "a@b.fr"; keep;'
    (sent,) = [one for one in actions(REQUIRES + script, ATTACHED) if isinstance(one, Redirect)]
    assert sent.edited is not None
    assert sent.edited.applied(ATTACHED) == b"X-A: 1\r\n" + ATTACHED


@pytest.mark.parametrize(
    "script",
    [
        'replace "x";' * 40,
        'enclose "x";' * 40,
        f'set "a" "{"x" * 15_000}"; ' + 'enclose "${a}${a}${a}${a}";',
        f'foreverypart {{ {ZIP} {{ replace :mime "Content-Type: text/plain\r\n\r\na\r\n--x\r\nb"; }} }}',
        f'foreverypart {{ {ZIP} {{ include "x"; }} }}',
    ],
)
def test_what_is_too_much_or_not_possible_stops_the_script(script: str) -> None:
    account = Account(scripts={("personal", "x"): REQUIRES + 'replace "x";'})
    with pytest.raises(RunError):
        actions(REQUIRES + script, ATTACHED, account)


def test_senders_that_cannot_be_are_faults() -> None:
    with pytest.raises(sieve.SieveError, match="not an address"):
        sieve.compile((REQUIRES + 'replace :from "personne" "x";').encode())


TREES = st.recursive(
    st.sampled_from([b"Content-Type: text/plain\r\n\r\nun", b"\r\n", b"Content-Type: a/b\r\n\r\n\r\n--z", b"X: y"]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(
        lambda parts: (
            b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (number := sum(map(len, parts)))
            + b"".join(b"--b%d\r\n%b\r\n" % (number, part) for part in parts)
            + b"--b%d--\r\n" % number
        )
    ),
    max_leaves=8,
)


def _all(part: Part) -> list[Part]:
    return [part, *(one for child in part.children for one in _all(child))]


@given(TREES, st.integers(0, 9))
def test_replacing_changes_one_part_alone(message: bytes, wanted: int) -> None:
    """Whatever a message is made of: the octets before and behind the part are those that were there."""
    parts = _all(build(parser.parse(message)))
    place = 1 + wanted % len(parts)
    script = 'set "n" ""; foreverypart { if string "${n}" "%s" { replace :mime "${hex:0d 0a}NEU"; } set "n" "${n}a"; }'
    found = kept(script % ("a" * place), message)
    if place >= len(parts):
        assert found == message
    else:
        part = parts[place]
        assert found == message[: part.start] + b"\r\nNEU" + message[part.end :]
