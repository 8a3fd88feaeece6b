"""An absence as a part of the script: there and back; each day it says what was written to whom it was meant."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.filters import sieve
from mailserver.filters.rules import Document, Faulty, read, written
from mailserver.filters.rules import absence as rules_absence
from mailserver.filters.rules.absence import LATEST, MAX_TEXT, RETURN, UNSPEAKABLE, Absence, Others
from mailserver.filters.rules.environment import SENDER
from mailserver.texts.text import Text
from tests.filters.sieve.runs import LETTER, Account

PARIS = ZoneInfo("Europe/Paris")
WRITER = "jean@example.org"

said = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(
    lambda text: bool(text.strip()) and not UNSPEAKABLE.search(text) and not any(one in text for one in RETURN.values())
)
TRICKY = ('"', "\\", "${1}", "${subject}", "${dollar}", "${hex:41}", ".\n", "#", "/*", "text:\n", "é", "\n\n")
tricky = st.sampled_from(TRICKY)
texts = st.lists(st.one_of(said, tricky), min_size=1, max_size=5).map("".join).filter(lambda text: bool(text.strip()))
days = st.dates(date(2001, 1, 1), date(2998, 12, 31))
absences = st.builds(
    lambda first, length, inside, outside, others: Absence(
        first, first + timedelta(days=length) if length is not None else None, inside, outside, others
    ),
    days,
    st.one_of(st.none(), st.integers(0, 400)),
    texts,
    texts,
    st.sampled_from(Others),
)


def answer(absence: Absence, sender: str, when: datetime, *, known: bool = False) -> str | None:
    """What is answered at a moment to a letter of somebody of this population."""
    script = sieve.compile(written(Document(absence=absence)))
    facts = sieve.Facts.of(
        LETTER,
        now=when,
        envelope_from=WRITER,
        envelope_to="edupont@ac-exemple.fr",
        addresses=frozenset(("edupont@ac-exemple.fr",)),
        environment={SENDER: sender},
    )
    account = Account(lists={":addrbook:default": frozenset((WRITER,) if known else ())})
    found = [one for one in sieve.run(script, facts, account).actions if isinstance(one, sieve.Vacation)]
    return found[0].reason.replace("\r\n", "\n") if found else None


@given(absences)
def test_there_and_back(absence: Absence) -> None:
    document = Document(absence=absence)
    assert read(written(document)) == document


@given(absences, st.sampled_from(("pupil", "teacher", "staff", "outside")), st.booleans(), st.integers(-1, 401))
def test_it_says_what_was_written(absence: Absence, sender: str, known: bool, later: int) -> None:
    day = absence.first + timedelta(days=later)
    when = datetime(day.year, day.month, day.day, 12, tzinfo=PARIS)
    lasts = later >= 0 and (absence.last is None or day <= absence.last)
    wanted: str | None = absence.outside
    if sender in ("teacher", "staff"):
        wanted = absence.inside
    elif absence.others is Others.NOBODY or (absence.others is Others.CONTACTS and not known):
        wanted = None
    assert answer(absence, sender, when, known=known) == (wanted if lasts else None)


@pytest.mark.parametrize("first", [date(2027, 3, 28), date(2027, 10, 31)])
def test_days_on_which_the_clock_changes(first: date) -> None:
    absence = Absence(first, first, "oui", "oui")
    midnight = datetime(first.year, first.month, first.day, tzinfo=PARIS)
    next_day = first + timedelta(days=1)
    end = datetime(next_day.year, next_day.month, next_day.day, tzinfo=PARIS)

    def at(moment: float) -> str | None:
        return answer(absence, "outside", datetime.fromtimestamp(moment, PARIS))

    found = [at(one) for one in (midnight.timestamp() - 1, midnight.timestamp(), end.timestamp() - 1, end.timestamp())]
    assert found == [None, "oui", "oui", None]


def test_the_day_of_return() -> None:
    absence = Absence(date(2026, 12, 19), date(2027, 1, 3), "Retour {retour}, {return}", "x", language="en")
    assert absence.said(absence.inside) == "Retour Monday 4 January 2027, Monday 4 January 2027"
    assert absence.subject("Trip") == "Automatic reply: Trip"


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": date(1999, 1, 1)},
        {"last": LATEST + timedelta(days=1)},
        {"inside": "a\rb"},
        {"inside": "\ud800"},
        {"outside": "x" * (MAX_TEXT + 1)},
        {"outside": "x" * (MAX_TEXT + 1), "off": True},
        {"last": None, "inside": "Retour {return}"},
    ],
)
def test_what_an_absence_cannot_be(wrong: dict[str, object]) -> None:
    values: dict[str, object] = {"first": date(2026, 1, 1), "last": date(2026, 1, 2), "inside": "a", "outside": "b"}
    with pytest.raises(Faulty):
        Absence(**{**values, **wrong})  # type: ignore[arg-type]


def test_one_that_is_off_answers_nothing() -> None:
    absence = Absence(date(2026, 1, 1), None, "", "", off=True)
    assert answer(absence, "staff", datetime(2026, 1, 5, tzinfo=PARIS)) is None


def test_words_of_another_version_change_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """An absence that answers can be read, and ended, whatever the catalogue and the dates of CLDR say by now."""
    kept = Document(absence=Absence(date(2026, 12, 19), date(2027, 1, 3), "Retour {retour}", "x", language="en"))
    source = written(kept)
    monkeypatch.setattr(rules_absence, "written_day", lambda day, pattern, language: f"{day}\u00a0!")
    monkeypatch.setattr(rules_absence, "_SUBJECT", Text("Absent : {subject}", subject="${subject}"))
    found = read(source)
    assert found == kept
    assert found.absence is not None
    assert found.absence.said("{return}") == "Monday 4 January 2027"
    assert read(written(replace(found, absence=replace(found.absence, off=True)))) is not None


def test_scripts_from_before_are_read() -> None:
    """They have the day and the subject in their commands alone."""
    kept = Document(absence=Absence(date(2026, 12, 19), date(2027, 1, 3), "Retour {retour}", "x"))
    source = re.sub(rb',"(return_day|subject_line)":"[^"]*"', b"", written(kept))
    assert b"return_day" not in source
    assert b"lundi 4 janvier 2027" in source
    assert read(source) == kept


@pytest.mark.parametrize(
    "subject", ["x", '${subject}"; discard; "', "${subject}\\", "${subject} ${subject}", "${subject}\n"]
)
@pytest.mark.parametrize("day", ["demain", "a\nb", "x" * 201])
def test_a_document_says_no_more_than_words(subject: str, day: str) -> None:
    with pytest.raises(Faulty):
        Absence(date(2026, 1, 1), date(2026, 1, 2), "a", "b", return_day=day, subject_line=subject)
    if day != "demain":
        with pytest.raises(Faulty):
            Absence(date(2026, 1, 1), date(2026, 1, 2), "a", "b", return_day=day)
