"""What is wrong with who a message says it is from, by its header and by what was found out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.inbound.impersonation import names, sender
from mailserver.inbound.impersonation.names import Service
from mailserver.inbound.impersonation.sender import ProtectedNames
from mailserver.model.messages.authentication import NOT_CHECKED, Alignment, AuthenticationResults, Outcome
from mailserver.model.messages.impersonation import Signs
from webui.page.words import plain

WORDS = names.house_words("Académie d’Exemple", "ac-exemple.fr")
PROTECTED = ProtectedNames(("ac-exemple.fr",), ("ent-exemple.test",), WORDS)
PROVEN = AuthenticationResults(Outcome.PASS, Outcome.PASS, Alignment.PASS)
LIST = "List-Id: <lettre.exemple.org>\r\n"


def judged(author: str, more: str = "", results: AuthenticationResults = NOT_CHECKED) -> Signs:
    sender.prepare()
    signs = sender.judge(sender.read(f"From: {author}\r\n{more}Subject: x\r\n".encode()), PROTECTED, results)
    assert signs.judged
    return signs & ~Signs.JUDGED


@pytest.mark.parametrize(
    ("author", "signs"),
    [
        ("Inès <ines@exemple.org>", 0),
        ("ines@exemple.org", 0),
        ("Marc <marc@ac-exernple.fr>", Signs.DOMAIN),
        ("Marc <marc@ac-exemple.fr.evil.test>", Signs.DOMAIN),
        ("Marc <assistance.ac-exemple@gmail.com>", Signs.DOMAIN),
        ("Marc <assistance.ac-exemple@fournisseur.test>", 0),
        ("x <x@раураl.test>", Signs.ALPHABETS),
        ("Messagerie académique <x@evil.test>", Signs.SERVICE),
        ("Мessagerie acadéмique <x@evil.test>", Signs.SERVICE | Signs.MIXED_NAME),
        ("=?utf-8?q?Messagerie_acad=C3=A9mique?= <x@evil.test>", Signs.SERVICE),
        ("Rectorat <x@evil.test>", Signs.SERVICE),
        ("Vie scolaire ac-exemple.fr <x@evil.test>", Signs.SERVICE),
        ("Vie scolaire аc‐exemple.fr <x@evil.test>", Signs.SERVICE | Signs.MIXED_NAME),
        ("Assistance <x@evil.test>", Signs.DESK),
        ("Assistance <x@gmail.com>", Signs.SERVICE),
        ("Rectorat <x@ac-dijon.fr>", 0),
        ("Rectorat <x@lettre.ac-exemple.fr>", 0),
        ("Rectorat <x@mail.ent-exemple.test>", 0),
        ('"drh@ac-exemple.fr" <x@evil.test>', Signs.ADDRESS_IN_NAME),
        ('"drh＠ac-exemple.fr" <x@evil.test>', Signs.ADDRESS_IN_NAME),
        ('"contact@education.gouv.fr" <x@evil.test>', Signs.ADDRESS_IN_NAME),
        ('"contact@impots-gouv.fr" <x@evil.test>', Signs.ADDRESS_IN_NAME),
        ('"jean@exemple.org" <x@autre.test>', Signs.OTHER_ADDRESS),
        ('"jean@gmail.com" <marie@gmail.com>', Signs.OTHER_ADDRESS),
        ('"contact@exemple.org" <lettre@mail.exemple.org>', 0),
        ('"x@exemple.org" <X@Exemple.org>', 0),
        ("Marc <marc@ac-exemple.fr>", 0),
        ("Rec\u200btorat <x@evil.test>", Signs.SERVICE | Signs.HIDDEN),
        ("=?utf-8?b?UmVj4oCLdG9yYXQ=?= <x@evil.test>", Signs.SERVICE | Signs.HIDDEN),
        ("Vie scolaire ac-\u2060exemple.fr <x@evil.test>", Signs.SERVICE),
        ('"drh@ac-\u200bexemple.fr" <x@evil.test>', Signs.ADDRESS_IN_NAME),
        ("\u200b" * 300 + "Rectorat <x@evil.test>", Signs.SERVICE),
        ("In\u00adès <x@exemple.org>", Signs.HIDDEN),
        ("\u200eInès\u200e Ca ❤\ufe0f <x@exemple.org>", 0),
        ("مریم می\u200cآید <x@exemple.org>", 0),
        ("Andr\ufffdJ <x@exemple.org>", 0),
        ("x <x@ac-exem\u200bple.fr>", Signs.DOMAIN),
    ],
)
def test_authors(author: str, signs: int) -> None:
    assert judged(author) == signs


def test_whose_domain_stands_behind_it_may_have_a_help_desk() -> None:
    assert judged("Assistance <x@editeur.test>", results=PROVEN) == 0
    assert judged("Assistance <x@gmail.com>", results=PROVEN) == Signs.SERVICE
    assert judged("Rectorat <x@editeur.test>", results=PROVEN) == Signs.SERVICE


@pytest.mark.parametrize(
    ("answers", "signs"),
    [
        ("retours@autre.example", Signs.ANSWERS),
        ("x@exemple.org", 0),
        ("Autre <autre@lettres.exemple.org>", 0),
        ("x@ac-exernple.fr", Signs.ANSWERS_ALIKE),
        ("autre@autre.example, ines@exemple.org", 0),
    ],
)
def test_answers(answers: str, signs: int) -> None:
    assert judged("Inès <ines@exemple.org>", f"Reply-To: {answers}\r\n") == signs


def test_answers_to_another_box_of_a_provider_go_elsewhere() -> None:
    assert judged("Inès <ines@gmail.com>", "Reply-To: ines.x@gmail.com\r\n") == Signs.ANSWERS


def test_newsletters_that_are_proven_take_answers_elsewhere() -> None:
    more = f"Reply-To: retours@autre.example\r\n{LIST}"
    assert judged("Lettre <l@exemple.org>", more, PROVEN) == 0
    assert judged("Lettre <l@exemple.org>", more) == Signs.ANSWERS
    assert judged("Lettre <l@exemple.org>", f"Reply-To: x@ac-exernple.fr\r\n{LIST}", PROVEN) == Signs.ANSWERS_ALIKE


def test_every_author_counts() -> None:
    assert judged("a@exemple.org, b@ac-exernple.fr") == Signs.DOMAIN
    assert judged("a@exemple.org\r\nFrom: Rectorat <b@evil.test>") == Signs.SERVICE
    assert (
        sender.judge(sender.read(b"Sender: x@ac-exernple.fr\r\n"), PROTECTED, NOT_CHECKED)
        == Signs.JUDGED | Signs.DOMAIN
    )


@pytest.mark.parametrize(
    ("name", "sure"),
    [
        ("Messagerie académique", Service.YES),
        ("Assistance informatique académique", Service.YES),
        ("Académie d’Exemple", Service.YES),
        ("Académie Exemple - DPE", Service.YES),
        ("Rectorat de Dijon", Service.YES),
        ("Madame la Rectrice", Service.YES),
        ("Éducation nationale", Service.YES),
        ("Inspection académique", Service.YES),
        ("DSDEN 21", Service.YES),
        ("Assistance", Service.PERHAPS),
        ("Service informatique", Service.PERHAPS),
        ("Votre messagerie", Service.PERHAPS),
        ("Assistance MAIF", Service.NO),
        ("SNCF Connect", Service.NO),
        ("Académie française", Service.NO),
        ("Service client", Service.NO),
        ("Postmaster", Service.NO),
        ("ʀᴇᴄᴛᴏʀᴀᴛ", Service.YES),
        ("🅡🅔🅒🅣🅞🅡🅐🅣", Service.YES),
        ("R⃣e⃣c⃣t⃣o⃣r⃣a⃣t⃣", Service.YES),
        ("R e c t o r a t", Service.YES),
        ("R.E.C.T.O.R.A.T de Dijon", Service.YES),
        ("Rec torat", Service.YES),
        ("M e s s a g e r i e a c a d é m i q u e", Service.YES),
        ("RECT0RAT", Service.YES),
        ("DSDEN21", Service.YES),
        ("lnspection académique", Service.YES),
        ("Acad3mie Exemp1e", Service.YES),
        ("4ssistance", Service.PERHAPS),
        ("J. M. P. D. Martin", Service.NO),
        ("A B C D E", Service.NO),
        ("Mall 2000", Service.NO),
        ("🇫🇷 Assistance", Service.PERHAPS),
        ("Radio 3 R", Service.NO),
        ("Père Recteur, collège Saint-Jean", Service.NO),
        ("", Service.NO),
        ("…", Service.NO),
    ],
)
def test_names_of_services(name: str, sure: Service) -> None:
    assert names.service(name, WORDS) is sure


def test_the_academy_s_name() -> None:
    assert names.house_words("Académie", "ac-exemple.fr") == {"academie", "exemple"}
    assert names.house_words("Académie", "exemple.fr") == frozenset()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Émilie Dupont", "emilie dupont"),
        ("DUPONT Émilie", "emilie dupont"),
        ("Dupont, Émilie", "emilie dupont"),
        ("Mme Émilie Dupont", "emilie dupont"),
        ("Émilie Dupont (par Doodle)", "emilie dupont"),
        ("Émilie Dupont via Doodle", "emilie dupont"),
        ("Émilie Dupont - Collège des Bords", "emilie dupont"),
        ("Еmilie Duроnt", "emilie dupont"),
        ("Émi\u200blie Dupont", "emilie dupont"),
        ("Émilie Dupont, Principale", "emilie dupont"),
        ("Émilie Dupont : principale du collège", "emilie dupont"),
        ("Mme la Principale Émilie Dupont", "emilie dupont"),
        ("M. l'Inspecteur Paul Durand", "paul durand"),
        ("Émilie Dupont Principale adjointe", "emilie dupont"),
        ("Em1lie Dup0nt", "emilie dupont"),
        ("✅ Émilie Dupont 2026", "emilie dupont"),
        ("🇫🇷 Émilie_Dupont", "emilie dupont"),
        ("'Émilie Dupont'", "emilie dupont"),
        ("Jean-Noël O'Neil", "jean-noel o'neil"),
        ("Hélène Chef", "helene chef"),
        ("Yann Le Gall, proviseur", "yann le gall"),
    ],
)
def test_names_of_people_as_the_directory_has_them(name: str, key: str) -> None:
    assert key in names.person_keys(name)


def test_what_is_no_person_s_name() -> None:
    assert names.person_keys("Doodle") == ()
    assert names.person_keys("a b c d e f g") == ()
    assert names.person_keys("") == ()


HIDDEN = st.text(st.sampled_from("\u00ad\u034f\u061c\u180b\u200b\u200d\u202e\u2060\u3164\ufe0f\ufeff\U000e0041"))


@given(st.lists(HIDDEN, min_size=21, max_size=21))
def test_what_nobody_sees_changes_no_name(hidden: list[str]) -> None:
    """Wherever it stands, and however much of it."""
    sender.prepare()
    for name, letters in (("Messagerie académique", hidden), ("Émilie Dupont", hidden[:13])):
        other = "".join(map("".join, zip(letters, name, strict=True)))
        assert plain.line(other) == name
        assert names.service(other, WORDS) is names.service(name, WORDS)
        assert names.person_keys(other) == names.person_keys(name)


def test_fields_that_hold_nobody_are_read_as_far_as_others() -> None:
    """Each of them costs as much; and none hides the next."""
    nobody = b"From: " + b"a:;" * 1300 + b"\r\n"
    (author,) = sender.read(nobody + b"From: x@evil.test\r\n").authors
    assert author.address == "x@evil.test"
    assert sender.read(nobody * 2 + b"From: " + b";" * 600 + b"x@evil.test\r\n").authors == []
    many = sender.read(b"From: a@b.test, b@b.test\r\n" * 40 + b"From: x@evil.test\r\n").authors
    assert [one.address for one in many] == ["a@b.test", "b@b.test", "x@evil.test"]


@given(st.binary(max_size=600))
def test_any_header_is_judged(octets: bytes) -> None:
    sender.prepare()
    header = b"From: " + octets + b"\r\nReply-To: " + octets[::-1] + b"\r\n"
    signs = sender.judge(sender.read(header), PROTECTED, NOT_CHECKED)
    assert Signs.stored(int(signs)) == signs
    assert 0 < int(signs) < 1 << 15


@given(st.text(max_size=400))
def test_any_name_is_read(name: str) -> None:
    names.service(name, WORDS)
    assert len(names.person_keys(name)) <= 8 * names.MAX_WORDS
    sender.named_address(name)


def test_a_number_of_the_store_that_is_none_of_ours_says_nothing() -> None:
    assert Signs.stored(1 << 14) == Signs.NOT_JUDGED
    assert not Signs.stored(0).judged
