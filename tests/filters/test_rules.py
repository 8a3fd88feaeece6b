"""Rules as values: to Sieve and back, and that what runs does what the sentence says."""

from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formataddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.filters import sieve
from mailserver.filters.rules import (
    ARCHIVE,
    SPAM,
    TRASH,
    Actions,
    Blocked,
    Condition,
    Document,
    Faulty,
    Field,
    Folder,
    Match,
    Rule,
    environment,
    read,
    sentences,
    written,
)
from mailserver.filters.rules.senders import holds, normal
from mailserver.filters.sieve import Facts, FileInto, Keep, Outcome
from mailserver.texts.languages import ENGLISH, FRENCH
from tests.filters.sieve.runs import NOW, Account

SENDERS = ("jean@example.org", "@example.org", "@école.fr", "a+b@mail.example.org", "anne@école.fr")
WORDS = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=12).filter(
    lambda text: text.isprintable() and text == text.strip() and bool(text)
)
SOME = st.lists(WORDS, min_size=1, max_size=3, unique=True).map(tuple)
TEXTS = st.builds(
    Condition,
    st.sampled_from((Field.SUBJECT, Field.LIST)),
    st.sampled_from((Match.IS, Match.CONTAINS)),
    SOME,
    negated=st.booleans(),
)
PARTS = st.builds(
    Condition, st.sampled_from((Field.SENDER, Field.RECIPIENT)), st.just(Match.CONTAINS), SOME, negated=st.booleans()
)
ADDRESSES = st.builds(
    Condition,
    st.sampled_from((Field.SENDER, Field.RECIPIENT)),
    st.just(Match.IS),
    st.lists(st.sampled_from(SENDERS), min_size=1, max_size=3, unique=True).map(tuple),
    negated=st.booleans(),
)
FACTS = st.builds(Condition, st.sampled_from((Field.ATTACHMENT, Field.OUTSIDE)), negated=st.booleans())
SIZES = st.builds(
    Condition, st.just(Field.SIZE), st.sampled_from((Match.OVER, Match.UNDER)), mebibytes=st.integers(1, 3)
)
CONDITIONS = st.one_of(TEXTS, PARTS, ADDRESSES, FACTS, SIZES)
FOLDERS = st.one_of(
    st.none(),
    st.sampled_from((TRASH, SPAM, ARCHIVE)),
    st.builds(Folder, WORDS, st.sampled_from(("", "F1", "F99"))),
)
TAGS = st.lists(st.sampled_from(("$label1", "parents", "a.b")), max_size=3, unique=True).map(tuple)
ACTIONS = (
    st.builds(Actions, FOLDERS, star=st.booleans(), read=st.booleans(), tags=TAGS, stop=st.just(True))
    | st.builds(Actions, FOLDERS.filter(bool), star=st.booleans(), tags=TAGS)
    | st.just(Actions(star=True))
)
RULES = st.builds(
    Rule, st.lists(CONDITIONS, min_size=1, max_size=4).map(tuple), ACTIONS, any=st.booleans(), off=st.booleans()
)
DOCUMENTS = st.builds(
    Document,
    st.builds(Blocked, st.lists(st.sampled_from(SENDERS), max_size=3, unique=True).map(tuple), st.booleans()),
    st.lists(RULES, max_size=4).map(tuple),
    st.sampled_from(("", "ma façon", 'un "autre"')),
)


@given(DOCUMENTS)
@example(Document())
def test_there_and_back(document: Document) -> None:
    script = written(document)
    assert read(script) == document
    sieve.compile(script)


@given(DOCUMENTS, st.integers(0, 10_000), st.binary(max_size=3))
def test_what_somebody_changed_is_not_ours(document: Document, at: int, other: bytes) -> None:
    """Of two documents none makes the other's script, so a script that is read tells everything that it does."""
    script = written(document)
    at %= len(script)
    changed = script[:at] + other + script[at + 1 :]
    found = read(changed)
    assert found is None or written(found) == changed


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"keep;",
        b"# mailserver rules 1\r\n",
        b'# mailserver rules 1\r\n# {}\r\nredirect "voleur@example.org";\r\n',
        b"# mailserver rules 2\r\n# {}\r\n",
        b"# mailserver rules 1\n# {}\n",
        b"# mailserver rules 1\r\n# " + b"[" * 100_000 + b"\r\n",
        b'# mailserver rules 1\r\n# {"rules":[{"conditions":[],"actions":{"stop":true}}]}\r\n',
    ],
)
def test_not_ours(source: bytes) -> None:
    assert read(source) is None


# ---------------------------------------------------------------------- what the sentence says


class Letter:
    """A message, and what is true of it."""

    def __init__(self, sender: str, name: str, to: str, subject: str, list_id: str, files: int, outside: bool) -> None:
        self.sender, self.name, self.to, self.subject = sender, name, to, subject
        self.list_id, self.files, self.outside = list_id, files, outside

    @property
    def octets(self) -> bytes:
        message = EmailMessage()
        message["From"] = formataddr((self.name, self.sender))
        message["To"] = self.to
        if self.subject:
            message["Subject"] = self.subject
        if self.list_id:
            message["List-Id"] = f"Une liste <{self.list_id}>"
        message.set_content("Bonjour.")
        return message.as_bytes()

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            environment.AUTHOR: environment.OUTSIDE if self.outside else environment.INSIDE,
            environment.ATTACHED: "yes" if self.files else "no",
        }

    def fits(self, one: Condition, size: int) -> bool:
        """What the words of a condition say, by means of Python's own."""
        if one.field is Field.SIZE:
            limit = one.mebibytes << 20
            return size > limit if one.match is Match.OVER else size < limit
        return self._holds(one) != one.negated

    def _holds(self, one: Condition) -> bool:
        match one.field:
            case Field.ATTACHMENT:
                return self.files > 0
            case Field.OUTSIDE:
                return self.outside
            case Field.SENDER if one.match is Match.IS:
                return holds(one.values, self.sender) is not None
            case Field.RECIPIENT if one.match is Match.IS:
                return holds(one.values, self.to) is not None
            case Field.LIST if one.match is Match.IS:
                return any(self.list_id.casefold() == value.casefold() for value in one.values)
        said = {
            Field.SENDER: formataddr((self.name, self.sender)),
            Field.RECIPIENT: self.to,
            Field.SUBJECT: self.subject,
            Field.LIST: f"Une liste <{self.list_id}>" if self.list_id else "",
        }[one.field].casefold()
        if one.match is Match.IS:
            return any(said == value.casefold() for value in one.values)
        return bool(said) and any(value.casefold() in said for value in one.values)


NAMED = st.sampled_from(("", "Jean", "Anne Martin"))
LETTERS = st.builds(
    Letter,
    st.sampled_from(("jean@example.org", "Jean@Mail.Example.org", "zoe@notexample.org", "a@b.fr")),
    NAMED,
    st.sampled_from(("a+b@mail.example.org", "edupont@ac-exemple.fr")),
    st.sampled_from(("Sortie", "Réunion de rentrée", "[Pronote] Notes", "")),
    st.sampled_from(("", "parents-4eb.listes.ac-exemple.fr", "4eb.example.org")),
    st.integers(0, 2),
    st.booleans(),
)
ASKED = st.one_of(
    st.builds(
        Condition,
        st.just(Field.SUBJECT),
        st.sampled_from((Match.IS, Match.CONTAINS)),
        st.sampled_from((("SORTIE",), ("rÉunion",), ("[pronote]", "x"), ("*",), ("?",), ("\\", '"'))),
        negated=st.booleans(),
    ),
    st.builds(
        Condition,
        st.just(Field.LIST),
        st.sampled_from((Match.IS, Match.CONTAINS)),
        st.sampled_from((("Parents-4eB.listes.ac-exemple.fr",), ("4eb",), ("autre", "4eb.example.org"))),
        negated=st.booleans(),
    ),
    st.builds(
        Condition,
        st.just(Field.SENDER),
        st.just(Match.CONTAINS),
        st.sampled_from((("anne",), ("EXAMPLE.org",), ("jean",))),
        negated=st.booleans(),
    ),
    ADDRESSES,
    FACTS,
    SIZES,
)
SMALL = st.builds(
    Rule,
    st.lists(ASKED, min_size=1, max_size=3).map(tuple),
    st.sampled_from(
        (
            Actions(Folder("Notes")),
            Actions(TRASH),
            Actions(ARCHIVE, read=True),
            Actions(star=True),
            Actions(tags=("parents",)),
            Actions(stop=True),
        )
    ),
    any=st.booleans(),
    off=st.booleans(),
)


def outcome(document: Document, letter: Letter, spam: int | None = None) -> Outcome:
    facts = Facts.of(letter.octets, now=NOW, environment=letter.environment, spam=spam)
    return sieve.run(sieve.compile(written(document)), facts, Account())


@given(st.lists(SMALL, max_size=4).map(tuple), LETTERS)
def test_runs_as_it_is_said(rules: tuple[Rule, ...], letter: Letter) -> None:
    flags: list[str] = []
    place: Folder | None = None
    for rule in rules:
        fits = [letter.fits(one, len(letter.octets)) for one in rule.conditions]
        if rule.off or not (any(fits) if rule.any else all(fits)):
            continue
        flags += [flag for flag in rule.actions.flags if flag not in flags]
        place = rule.actions.folder
        if rule.actions.ends:
            break
    (done,) = outcome(Document(rules=rules), letter).actions
    if place is None:
        assert isinstance(done, Keep)
    else:
        assert isinstance(done, FileInto)
        assert (done.mailbox, done.special_use) == (place.name, place.use)
    assert sorted(done.flags) == sorted(flags)


@given(st.lists(st.sampled_from(SENDERS), max_size=3, unique=True).map(tuple), LETTERS, st.booleans())
def test_who_is_blocked(senders: tuple[str, ...], letter: Letter, to_trash: bool) -> None:
    """Before every rule, and judged alike by the script and by `holds`, which pages ask."""
    rules = (Rule((Condition(Field.SUBJECT, Match.CONTAINS, ("o",)),), Actions(star=True)),)
    (done,) = outcome(Document(Blocked(senders, to_trash), rules), letter).actions
    if holds(senders, letter.sender) is None:
        assert isinstance(done, Keep)
    else:
        assert done == FileInto("Trash" if to_trash else "Junk", (), True, "\\Trash" if to_trash else "\\Junk")


def test_junk_stays_junk() -> None:
    letter = Letter("jean@example.org", "", "edupont@ac-exemple.fr", "Sortie", "", 0, True)
    document = Document(rules=(Rule((Condition(Field.SENDER, values=("@example.org",)),), Actions(Folder("Notes"))),))
    assert isinstance(outcome(document, letter, spam=5).actions[0], FileInto)
    assert outcome(document, letter, spam=6).actions == (Keep(),)
    blocked = Document(Blocked(("@example.org",)), document.rules)
    assert outcome(blocked, letter, spam=10).actions == (FileInto("Junk", (), True, "\\Junk"),)


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        (" Jean@Example.ORG ", "jean@example.org"),
        ("example.org", "@example.org"),
        ("@École.fr", "@école.fr"),
        ("o'neil+x@a-b.example.org", "o'neil+x@a-b.example.org"),
    ],
)
def test_senders_as_people_write_them(text: str, sender: str) -> None:
    assert normal(text) == sender


@pytest.mark.parametrize(
    "text", ["", "jean", "fr", "@", "@fr", "a@b", "a b@example.org", "a@@example.org", "a\r\n@b.fr", "é" * 400 + ".fr"]
)
def test_no_senders(text: str) -> None:
    with pytest.raises(Faulty):
        normal(text)


def test_what_cannot_be() -> None:
    one = Condition(Field.SUBJECT, Match.IS, ("a",))
    for wrong in (
        lambda: Condition(Field.SUBJECT),
        lambda: Condition(Field.SUBJECT, values=("a", "a")),
        lambda: Condition(Field.SUBJECT, values=("a\nb",)),
        lambda: Condition(Field.SUBJECT, values=("a" * 201,)),
        lambda: Condition(Field.SUBJECT, values=tuple(map(str, range(21)))),
        lambda: Condition(Field.SUBJECT, Match.OVER, ("a",)),
        lambda: Condition(Field.SENDER, values=("jean",)),
        lambda: Condition(Field.SENDER, values=("Jean@example.org",)),
        lambda: Condition(Field.SIZE, Match.IS, mebibytes=2),
        lambda: Condition(Field.SIZE, Match.OVER),
        lambda: Condition(Field.OUTSIDE, values=("a",)),
        lambda: Actions(),
        lambda: Actions(tags=("a b",)),
        lambda: Actions(tags=tuple("abcdef")),
        lambda: Folder("a", use="\\Sent"),
        lambda: Folder("a", object_id='"'),
        lambda: Folder(""),
        lambda: Folder("a\nb"),
        lambda: Rule((), Actions(star=True)),
        lambda: Rule((one,) * 11, Actions(star=True)),
        lambda: Document(rules=(Rule((one,), Actions(star=True)),) * 101),
        lambda: Document(beside="a\nb"),
        lambda: Blocked(tuple(f"@a{number}.fr" for number in range(501))),
    ):
        with pytest.raises(Faulty):
            wrong()


def test_the_largest_document_compiles_and_runs() -> None:
    """Rules of nothing but bounds: still a script that is accepted, and that costs no more than a run may."""
    values = tuple(f"a{number:02}@b{number}.example.org" for number in range(10))
    domains = tuple(f"@c{number}.example.org" for number in range(10))
    sides = tuple(Condition(Field.SENDER, values=(*values, *domains), negated=True) for _ in range(3))
    rules = tuple(Rule(sides, Actions(tags=("a", "b"), star=True)) for _ in range(60))
    blocked = Blocked(tuple(f"@d{number}.example.org" for number in range(500)))
    letter = Letter("jean@example.org", "", "edupont@ac-exemple.fr", "Sortie", "", 0, True)
    document = Document(blocked, rules)
    assert set(outcome(document, letter).actions[0].flags) == {"a", "b", "\\Flagged"}  # type: ignore[union-attr]


@given(RULES)
def test_every_rule_is_a_sentence(rule: Rule) -> None:
    said = sentences.rule(rule, str, lambda folder: folder.name)
    for language in (FRENCH, ENGLISH):
        sentence = said.to(language)
        cut = sentences.pieces(sentence)
        assert "".join(text for text, _ in cut) == sentences.plain(sentence)
        assert any(chosen for _, chosen in cut)
        assert sentences.START not in sentences.plain(sentence)


def test_a_sentence() -> None:
    rule = Rule(
        (
            Condition(Field.SENDER, values=("@canope.example", "jean@example.org")),
            Condition(Field.ATTACHMENT, negated=True),
        ),
        Actions(Folder("Lettres"), read=True, tags=("parents",)),
    )
    said = sentences.rule(rule, lambda tag: tag.capitalize(), lambda folder: folder.name).to(FRENCH)
    assert sentences.plain(said) == (
        "Quand l’expéditeur est canope.example ou jean@example.org et que le message n’a pas de pièce jointe, "
        "étiqueter Parents et marquer comme lu et ranger dans Lettres."
    )
    assert [text for text, chosen in sentences.pieces(said) if chosen] == [
        "canope.example", "jean@example.org", "pièce jointe", "Parents", "comme lu", "Lettres",
    ]  # fmt: skip
