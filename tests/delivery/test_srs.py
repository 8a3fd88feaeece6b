"""Return paths that are rewritten lead back to whoever they were made of, and to nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.delivery import srs
from mailserver.model.clock import DAY

KEY, OTHER = b"a secret of ours", b"a secret of others"
OURS = "ac-exemple.fr"
NOW = 1_800_000_000.0
LOCALS = st.text("abcXYZ019.=+-_'", min_size=1, max_size=25)
HOSTS = st.sampled_from(["a.fr", "Ecole.Example", "sous.domaine.fr"])
NUMBERS = st.integers(0, srs.MAX_AGE)


@given(LOCALS, HOSTS, NUMBERS)
def test_there_and_back(local: str, host: str, days: int) -> None:
    path = f"{local}@{host}"
    sent = srs.forward(KEY, path, OURS, NOW)
    assert sent.endswith(f"@{OURS}")
    assert sent.isascii()
    assert len(sent.partition("@")[0]) <= srs.MAX_LOCAL
    back = srs.reverse(KEY, sent, NOW + days * DAY)
    assert back == path if not local.casefold().startswith("srs") else back
    assert srs.reverse(KEY, sent.lower(), NOW).casefold() == back.casefold(), "some servers change letters"
    assert srs.reverse(OTHER, sent, NOW) == ""


@given(LOCALS, HOSTS, st.integers(srs.MAX_AGE + 1, srs.DAYS - 1))
def test_a_report_that_is_too_late_or_too_early_goes_nowhere(local: str, host: str, days: int) -> None:
    if not local.casefold().startswith("srs"):
        assert srs.reverse(KEY, srs.forward(KEY, f"{local}@{host}", OURS, NOW), NOW + days * DAY) == ""


@given(st.text(max_size=90), st.binary(max_size=40))
def test_whatever_somebody_writes(text: str, more: bytes) -> None:
    marked = [f"{mark}{text}@{OURS}" for mark in ("SRS0=", "srs1=", "SRS0=aaaaaaaa=aa=", "SRS1=aaaaaaaa=a.fr=")]
    for address in (text, more.decode("latin-1"), *marked):
        assert srs.reverse(KEY, address, NOW) == ""
        forwarded = srs.forward(KEY, address, OURS, NOW)
        assert forwarded == address or len(forwarded.rpartition("@")[0]) <= srs.MAX_LOCAL


@given(LOCALS, HOSTS, st.data())
def test_one_letter_off_is_nobodys(local: str, host: str, data: st.DataObject) -> None:
    sent = srs.forward(KEY, f"{local}@{host}", OURS, NOW)
    end = sent.rindex("@")
    place = data.draw(st.integers(0, end - 1))
    letter = data.draw(st.sampled_from("abz27=."))
    if letter != sent[place].lower():
        assert srs.reverse(KEY, sent[:place] + letter + sent[place + 1 :], NOW) == ""


@pytest.mark.parametrize(
    ("path", "back"),
    [
        ("SRS0=abcd=TT=a.fr=Ada@b.fr", "SRS0=abcd=TT=a.fr=Ada@b.fr"),
        ("srs0+abcd=TT=a.fr=Ada@b.fr", "SRS0+abcd=TT=a.fr=Ada@b.fr"),
        ("SRS1=hhhh=b.fr==abcd=TT=a.fr=Ada@c.fr", "SRS0=abcd=TT=a.fr=Ada@b.fr"),
    ],
)
def test_what_others_rewrote_leads_back_to_the_first_of_them(path: str, back: str) -> None:
    sent = srs.forward(KEY, path, OURS, NOW)
    assert sent.startswith("SRS1=")
    assert srs.reverse(KEY, sent, NOW) == back
    assert srs.reverse(OTHER, sent, NOW) == ""
    assert srs.forward(KEY, sent.replace(OURS, "d.fr"), "e.fr", NOW).count("=") == sent.count("="), "it grows no more"


@pytest.mark.parametrize("path", ["", "postmaster", '"a b"@a.fr', "é@a.fr", "a@é.fr", f"{'x' * 60}@a.fr", "a b@a.fr"])
def test_what_would_be_none_that_every_server_takes_stays(path: str) -> None:
    assert srs.forward(KEY, path, OURS, NOW) == path
