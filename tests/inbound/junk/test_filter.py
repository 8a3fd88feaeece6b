"""The pure parts: tokens of anything, counts that pack and undo, scores."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.foundation.settings import Junk
from mailserver.inbound.junk import bayes
from mailserver.inbound.junk.bayes import numbers
from mailserver.inbound.junk.counts import FULL, MOST, OWN_FULL, SIZE, Counts, Dense, Lesson, Sparse
from mailserver.inbound.junk.tokens import MAX_TOKENS, tokens
from mailserver.mime import scan, unpack
from tests.bench.junk_corpus import corpus
from tests.inbound.junk.samples import bad, good, taught

HTML = """From: "Service Client" <aide@banque.example>
Reply-To: voleur@ailleurs.example
To: ada@ac-exemple.fr
Subject: =?utf-8?q?URGENT_ALERTE_s=C3=A9curit=C3=A9_!?=
Message-ID: <x@y>
List-Unsubscribe: <mailto:x@y>
Authentication-Results: mail.ac-exemple.fr; spf=fail; dkim=none; dmarc=fail
Content-Type: text/html; charset=utf-8

<p>Réinitialisez votre <b>accès</b> à l'Œuvre</p><a href="https://a.b.banque-sure.example/x?y">ici</a>
<a href="http://192.0.2.7/">là</a> <img src=http://xn--bnque-cta.example/p.gif> mot-tres-tres-tres-tres-tres-long
"""


def of(octets: bytes) -> list[str]:
    return tokens(octets, unpack(scan(octets).parts))


def test_what_is_counted() -> None:
    found = set(of(HTML.replace("\n", "\r\n").encode()))
    assert {"s:urgent", "s:securite", "s:urgent alerte", "m:shouting", "m:exclaiming", "m:list"} <= found
    assert {"f:aide@banque.example", "f:@banque.example", "f:service", "f:answers-elsewhere"} <= found
    assert {"a:spf=fail", "a:dkim=none", "a:dmarc=fail"} <= found
    assert {"h:a.b.banque-sure.example", "h:banque-sure.example", "m:numeric-link", "m:puny-link"} <= found
    assert {"reinitialisez", "acces", "oeuvre", "m:html-alone", "m:text/html", "m:long-3"} <= found
    assert not {"p", "href", "b", "l"} & found


def test_what_its_sender_says_of_authentication_is_nothing() -> None:
    """Only what stands above our own Received is ours."""
    theirs = b"Authentication-Results: x; dmarc=pass\r\n"
    ours = b"Authentication-Results: x; dmarc=fail\r\n"
    hop, rest = b"Received: from x by y\r\n", b"Subject: x\r\n\r\nx\r\n"
    marks = [
        {token for token in of(octets) if token.startswith("a:")}
        for octets in (hop + theirs + rest, ours + hop + theirs + rest)
    ]
    assert marks == [set(), {"a:dmarc=fail"}]


def test_the_same_message_in_other_clothes() -> None:
    plain = b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + "L'été à Orléans".encode()
    quoted = (
        b"Subject: x\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        b"\r\nL'=E9t=E9 =E0 ORL=C9ANS"
    )
    assert {"ete", "orleans"} <= set(of(plain)) & set(of(quoted))


@given(st.binary(max_size=2000), st.binary(max_size=300))
def test_anything_has_tokens(body: bytes, head: bytes) -> None:
    for octets in (
        body,
        head + b"\r\n\r\n" + body,
        b"Content-Type: text/html\r\nSubject: " + head + b"\r\n\r\n" + body,
    ):
        found = of(octets)
        assert len(found) == len(set(found)) <= MAX_TOKENS
        assert 0 <= bayes.score(found, Dense(3, 3), Sparse(3, 3)).permille <= 1000


@pytest.mark.parametrize(
    "octets",
    [
        b"From: a@b\r\n\r\n" + b"".join(b"w%d " % number for number in range(1_000_000)),
        b"From: a@b\r\nContent-Type: text/html\r\n\r\n" + b"<a href=http://" * 100_000,
        b"From: a@b\r\n\r\n" + b"http://" + b"a" * 500_000,
        b"From: " + b"a@" * 300_000 + b"\r\nSubject: " + b"=?utf-8?q?a?= " * 20_000 + b"\r\n\r\nx",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000,
        b"Subject: x\r\n\r\n" + ("é" * 25 + " ").encode() * 20_000,
    ],
    ids=["words", "links", "host", "header", "parts", "long words"],
)
def test_what_is_made_to_take_long_is_cut(octets: bytes) -> None:
    assert len(of(octets)) <= MAX_TOKENS


@pytest.mark.parametrize("kind", [Dense, Sparse])
def test_counts_survive_packing_and_undo(kind: type[Dense] | type[Sparse]) -> None:
    model: Counts = kind()
    empty = model.packed()
    lessons = taught(20)
    model.add(lessons)
    keys = lessons[0].keys
    again = kind(model.spam, model.ham, model.packed())
    assert (again.spam, again.ham) == (20, 20)
    assert again.of(keys) == model.of(keys)
    assert max(spam for spam, _ in again.of(keys)) > 1
    again.add(Lesson(one.keys, -one.spam, -one.ham) for one in lessons)
    assert (again.spam, again.ham, again.packed()) == (0, 0, empty)


@pytest.mark.parametrize("kind", [Dense, Sparse])
def test_what_was_taken_back_twice_is_not_less_than_nothing(kind: type[Dense] | type[Sparse]) -> None:
    model: Counts = kind()
    model.add([Lesson([5, 5, 9], -1, -1)] * 2)
    assert (model.spam, model.ham, list(model.of([5, 9]))) == (0, 0, [(0, 0), (0, 0)])


@pytest.mark.parametrize(("kind", "full"), [(Dense, FULL), (Sparse, OWN_FULL)])
def test_what_is_long_ago_counts_for_less(kind: type[Dense] | type[Sparse], full: int) -> None:
    model: Counts = kind(full, 10, kind().packed())
    model.add([Lesson([1], 0, 1)] * 8)
    model.add([Lesson([2], 1, 0)])
    assert (model.spam, model.ham) == ((full + 1) // 2, 18 // 2)
    assert list(model.of([1, 2])) == [(0, 4), (0, 0)]


def test_an_account_remembers_a_bounded_number_of_tokens() -> None:
    model = Sparse()
    model.add([Lesson(range(100), 1, 0)] * 2)
    model.add([Lesson(range(1000, 1000 + 2 * MOST), 1, 0)])
    assert model.of(range(100)) == [(2, 0)] * 100
    assert len(model.packed()) < 7 * MOST
    assert len(Sparse(1, 1, model.packed()).packed()) < 7 * MOST


@pytest.mark.parametrize("packed", [b"x", b"\x28\xb5\x2f\xfd" * 5, b"\0" * SIZE])
def test_a_damaged_model_has_learned_nothing(packed: bytes) -> None:
    for model in (Dense(5, 5, packed), Sparse(5, 5, packed)):
        assert list(model.of([1, 2])) == [(0, 0), (0, 0)]


def test_scores() -> None:
    academy = Dense()
    academy.add(taught(60))
    junk, fine = of(bad(500)), of(good(500))
    assert bayes.score(junk, academy, None).permille > 995
    assert bayes.score(fine, academy, None).permille < 5
    assert bayes.score(junk, None, None).permille == 500
    assert 100 < bayes.score([*junk[:12], *fine[:12]], academy, None).permille < 900
    assert "casino" in bayes.score([*junk, "casino"], academy, None).telling
    own = Sparse()
    own.add([one._replace(spam=one.ham, ham=one.spam) for one in taught(20)])
    assert bayes.score(junk, academy, own).permille < 5
    assert numbers(["a"]) == numbers(["a"]) != numbers(["b"])


def test_of_a_year_of_mail() -> None:
    """`tests.bench.junk` in small: what was learned in its first half judges the second."""
    samples = corpus(1, 1600, 800)
    model = Dense()
    model.add(Lesson(numbers(of(one.octets)), int(one.spam), int(not one.spam)) for one in samples[:1200])
    found = {spam: [0, 0] for spam in (False, True)}
    for one in samples[1200:]:
        taken = bayes.score(of(one.octets), model, None).permille >= Junk().threshold
        found[one.spam][taken] += 1
    assert found[False][1] == 0
    assert found[True][1] > 0.8 * sum(found[True])
