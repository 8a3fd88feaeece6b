"""Answers to whoever wrote (RFC 5230, RFC 6131), notices (RFC 5435, RFC 5436): what they say, when none goes out."""

import pytest

from mailserver.filters import sieve
from mailserver.filters.sieve import Keep
from mailserver.filters.sieve.commands.notify import parse_mailto
from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.mail import filters
from tests.filters.sieve.runs import LETTER, Account, actions, facts


def vacation(script: str, message: bytes = LETTER, **given: str) -> sieve.Vacation | None:
    """The answer that a script gives."""
    requires = 'require ["vacation", "vacation-seconds", "variables", "fcc", "mailbox", "imap4flags"];'
    found = actions(requires + script, facts(message, **given))  # type: ignore[arg-type]
    assert Keep() in found
    return next((one for one in found if isinstance(one, sieve.Vacation)), None)


def test_an_answer() -> None:
    """RFC 5230 section 4."""
    found = vacation('vacation "Absente.";')
    assert found is not None
    assert (found.recipient, found.reason, found.mime) == ("jean@example.org", "Absente.", False)
    assert (found.subject, found.sender, found.seconds) == ("Auto: Réunion de rentrée", "", 7 * 24 * 3600)
    full = vacation(
        """vacation :days 3 :subject "Loin${a}" :from "É <edupont@ac-exemple.fr>" :handle "h" :mime
        :fcc "Sent" :create :flags "\\\\Seen" "Content-Type: text/html\r\n\r\n<p>x</p>";"""
    )
    assert full is not None
    assert (full.subject, full.sender, full.seconds, full.mime) == ("Loin", "É <edupont@ac-exemple.fr>", 259200, True)
    assert full.fcc == sieve.Fcc("Sent", ("\\Seen",), create=True)
    for number, mailbox in (("F1", "Notes"), ("F2", "Sent")):
        kept = vacation(f'require "mailboxid"; vacation :fcc "Sent" :mailboxid "{number}" "Absente.";')
        assert kept is not None
        assert kept.fcc == sieve.Fcc(mailbox)
    assert [one.seconds for one in map(vacation, ['vacation :days 0 "a";', 'vacation :days 9999 "a";']) if one] == [
        24 * 3600, 365 * 24 * 3600,
    ]  # fmt: skip
    assert [one.seconds for one in map(vacation, ['vacation :seconds 0 "a";', 'vacation :seconds 90 "a";']) if one] == [
        0,
        90,
    ]


def test_answers_that_say_the_same_are_one() -> None:
    """RFC 5230 section 4.2: by handle, else by what they say; how often they go out is no part of it."""

    def handle(script: str) -> str:
        found = vacation(script)
        assert found is not None
        return found.handle

    assert handle('vacation "a";') == handle('vacation :days 2 :addresses "x@y.fr" "a";')
    assert len({handle('vacation "a";'), handle('vacation "b";'), handle('vacation :subject "s" "a";')}) == 3
    assert handle('vacation :handle "h" "a";') == handle('vacation :handle "h" :subject "s" "b";')


def changed(name: bytes, value: bytes = b"") -> bytes:
    """The letter with one more field on top."""
    return b"%b: %b\r\n%b" % (name, value, LETTER)


@pytest.mark.parametrize(
    ("message", "sender", "answered"),
    [
        (LETTER, "jean@example.org", True),
        (LETTER, "", False),  # the null path
        (LETTER, "EDUPONT@ac-exemple.fr", False),  # herself
        (LETTER, "MAILER-DAEMON@example.org", False),
        (LETTER, "owner-list@example.org", False),
        (LETTER, "list-request@example.org", False),
        (LETTER, "noreply@example.org", False),
        (LETTER.replace(b"To: edupont", b"To: autre"), "jean@example.org", False),  # a blind copy
        (LETTER.replace(b"To: edupont@", b"To: Emilie.DUPONT@"), "jean@example.org", True),
        (changed(b"List-Id", b"<x>"), "jean@example.org", False),
        (changed(b"List-Unsubscribe", b"<mailto:x@y.fr>"), "jean@example.org", False),
        (changed(b"Precedence", b"Bulk"), "jean@example.org", False),
        (changed(b"Precedence", b"normal"), "jean@example.org", True),
        (changed(b"Auto-Submitted", b"auto-replied"), "jean@example.org", False),
        (changed(b"Auto-Submitted", b"no"), "jean@example.org", True),
        (changed(b"Auto-Submitted", b"No; x=y"), "jean@example.org", True),
        (changed(b"X-Auto-Response-Suppress", b"DR, OOF"), "jean@example.org", False),
        (changed(b"X-Auto-Response-Suppress", b"None"), "jean@example.org", True),
        (changed(b"Resent-To", b"edupont@ac-exemple.fr"), "jean@example.org", True),
    ],
)  # fmt: skip
def test_who_is_answered(message: bytes, sender: str, answered: bool) -> None:
    assert (vacation('vacation "Absente.";', message, envelope_from=sender) is not None) is answered


def test_other_addresses_of_ones_own() -> None:
    message = LETTER.replace(b"To: edupont@", b"To: old@")
    assert vacation('vacation "a";', message) is None
    assert vacation('vacation :addresses ["x@y.fr", "Old@ac-exemple.fr"] "a";', message) is not None
    assert vacation('vacation :addresses "jean@example.org" "a";', message) is None


def test_notices() -> None:
    """RFC 5436."""
    script = """require ["enotify", "variables"]; set "who" "jean";
        notify :importance "1" :from "edupont@ac-exemple.fr" :message "De ${who}"
            "mailto:a@example.org,b%40example.org?cc=c@example.org&subject=no&body=Un%20mot&from=x@y.fr&x-tag=1&received=no";
        notify "mailto:d@example.org?subject=Sujet"; notify "mailto:e@example.org,A@example.org";
        notify :options ["a.b-c_d=1=2", "0="] "mailto:e@example.org,b@example.org";"""
    found = [one for one in actions(script) if isinstance(one, sieve.Notify)]
    assert found == [
        sieve.Notify(
            ("a@example.org", "b@example.org", "c@example.org"), "De jean", "Un mot", "edupont@ac-exemple.fr", 1,
            headers=(("x-tag", "1"),),
        ),
        sieve.Notify(("d@example.org",), "Sujet", "", "", 2),
        sieve.Notify(("e@example.org",), "Réunion de rentrée", "", "", 2),
    ]  # fmt: skip  # nobody is told twice
    assert actions(script, changed(b"Auto-Submitted", b"auto-generated")) == [Keep()]
    assert sieve.Notify(("a@example.org",), "x", "", "", 2) in actions(
        'require "enotify"; notify :message "x" "mailto:a@example.org";', facts(envelope_from="")
    )


def test_a_notice_has_no_field_that_cannot_be_written() -> None:
    """It is refused when the script is stored, not when mail comes."""
    for length in (76, 77):
        mailto = parse_mailto(f"mailto:a@example.org?{'x' * length}=1")
        assert (mailto is not None) == (length == 76)
        if mailto is not None:
            notice = filters.Told(Correspondent("", "a@b.fr"), "a@b.fr", "a@example.org", "s", "t", more=mailto.headers)
            assert b"x: 1\r\n" in filters.told(notice, message_id="<1@b.fr>", now=0, zone=0)


def test_a_script_and_what_it_includes_have_one_answer() -> None:
    """RFC 5230 section 4.7; RFC 6609: what is included is a part of the script."""
    host = Account(scripts={("personal", "a"): 'require "vacation"; vacation "deux";'})
    with pytest.raises(sieve.RunError):
        actions('require ["include", "vacation"]; vacation "un"; include "a";', host=host)
