"""The rules of both profiles, and that nothing of a person's own gets past them."""

import datetime
import random
import string
import time
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailserver.foundation.settings import Passwords
from mailserver.login.passwords import dates, words
from mailserver.login.passwords.policy import LONGEST, SHORTEST, Profile, Weakness, rules, troubles, weaknesses
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import Principal, Role, State
from mailserver.store.account.accounts import Marks
from tests.examples import examples

PROOFS = Proofs(b"k" * 32)
MARKS = Marks(
    numen=PROOFS.numen("21E2600123ABC"), ine=PROOFS.ine("1234567890A"), birth_date=PROOFS.birth_date("1985-07-14")
)
PERSON = Principal(
    account_id=1,
    login="mle-dupond",
    address="marc.le-dupond@ac-exemple.fr",
    aliases=(),
    given_name="Marc",
    surname="Le Dupond",
    role=Role.TEACHER,
    state=State.PENDING,
    uai="0210006T",
)


def found(password: str, profile: Profile = "academie", school: str = "") -> set[Weakness]:
    return set(weaknesses(Secret(password), PERSON, MARKS, PROOFS, profile, school))


@pytest.mark.parametrize(
    "password",
    ["kT9#vbRe!mq", "xQ7_pZ2-wV", "Hr4 gbz%WnK", "ÉkT9#vbR", "bR7!tgV2#kwnX9$zLq4&pHs8"],
)
def test_good_passwords(password: str) -> None:
    assert found(password) == set()


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("kT9#vbR", Weakness.TOO_SHORT),
        ("", Weakness.TOO_SHORT),
        ("kT9#vbRe" * 17, Weakness.TOO_LONG),
        ("KT9#VBRE!MQ", Weakness.NO_LOWER),
        ("kt9#vbre!mq", Weakness.NO_UPPER),
        ("kTx#vbRe!mq", Weakness.NO_DIGIT),
        ("kT9xvbRexmq", Weakness.NO_SPECIAL),
        ("Maison#2026", Weakness.WORD),
        ("Soleil2024!", Weakness.WORD),
        ("P@ssw0rd1!", Weakness.WORD),
        ("Pa$$w0rd#1", Weakness.WORD),
        ("Azerty123!", Weakness.WORD),
        ("S0leil#12", Weakness.WORD),
        ("Été#maison1", Weakness.WORD),
        ("Élèves#12a", Weakness.WORD),
        ("house!42Xy", Weakness.WORD),
        ("1#Dragon99", Weakness.WORD),
        ("nosiaM#2026", Weakness.WORD),
        ("M-a-i-s-o-n#26", Weakness.WORD),
        ("Ma.rs.eil.le1", Weakness.WORD),
        ("P4$$-w0rd!1X", Weakness.WORD),
        ("mar\u200bseille#A1", Weakness.WORD),
        ("kTxe\u03019vbR", Weakness.NO_SPECIAL),
        ("e\u0301e\u0301E\u03011#xZ", Weakness.TOO_SHORT),
        ("kT9#Dup0nd", Weakness.OWN),
        ("DNOPUD#k9zq", Weakness.OWN),
        ("kT#dn0pudzQ9", Weakness.OWN),
        ("cram#K9zqT7wx", Weakness.OWN),
        ("marc#K9zqT", Weakness.OWN),
        ("m.a.r.c#K9zqT", Weakness.OWN),
        ("Mle-Dup0nd#9", Weakness.OWN),
        ("zQ#0210006T", Weakness.OWN),
        ("zQ#14071985", Weakness.OWN),
        ("zQ#14/07/85", Weakness.OWN),
        ("zQ#19850714", Weakness.OWN),
        ("zQk1985#wx", Weakness.OWN),
        ("zQ#14-7-85", Weakness.OWN),
        ("zQ#7/14/1985", Weakness.OWN),
        ("zQ#140785w", Weakness.OWN),
        ("zQ#850714w", Weakness.OWN),
        ("zQ#14785w!", Weakness.OWN),
        ("zQ#1407xW!", Weakness.OWN),
        ("zQ#14/07xW", Weakness.OWN),
        ("zQ#0785xW!", Weakness.OWN),
        ("zQ#14juil85", Weakness.OWN),
        ("zQ#14 Juillet", Weakness.OWN),
        ("zQ#july14thX", Weakness.OWN),
        ("zQ#juillet 85", Weakness.OWN),
        ("zQ#l4o7l985", Weakness.OWN),
        ("zQ#١٤٠٧١٩٨٥", Weakness.OWN),
        ("#21e2600123ABC", Weakness.OWN),
        ("#21-E-26-00123-ABC", Weakness.OWN),
        ("#2lE26OOl23aBc", Weakness.OWN),
        ("#1234567890A", Weakness.OWN),
        ("zQ#12 345 678 90a", Weakness.OWN),
    ],
)
def test_weak_passwords(password: str, weakness: Weakness) -> None:
    assert weakness in found(password)


def test_a_word_lost_in_a_long_password_is_not_what_it_is_built_on() -> None:
    assert found("kT9#vbRe!mq-soir-W4z&Hn7") == set()


def test_dictionaries_are_french_and_english() -> None:
    dictionary = words.dictionary()
    assert {"maison", "eleves", "house", "garden", "azerty", "soleil"} <= dictionary
    assert len(dictionary) > 200_000
    assert all(len(word) >= words.SHORTEST for word in dictionary)


def test_the_schools_own_words() -> None:
    assert Weakness.OWN in found("zQ#rostand9X", school="Lycée Jean-Rostand")
    assert found("kT9#vbRe!mq", school="Lycée Jean-Rostand") == set()
    assert Weakness.OWN not in found("mon lycee dort sur le toit rouge", "cnil", "Lycée Jean-Rostand")


def test_work_is_bounded() -> None:
    """The longest passwords, whatever they mean: milliseconds, and refused when they mean too many dates."""
    words.dictionary()
    words.known()
    hostile = [
        "19" * (LONGEST // 2),
        "a" * LONGEST,
        "9" * 100_000,
        "".join(map(str, range(1950, 1982))),
        "".join(f"{day:02}/{day % 12 + 1:02}x" for day in range(1, 22)),
        "1mai2mai" * 16,
        "ilo!l" * 25,
        "\ufdfa" * LONGEST,
        "Aa1!" * (LONGEST // 4),
    ]
    for password in hostile:
        for profile in PROFILES:
            began = time.process_time()
            found(password, profile)
            assert time.process_time() - began < 1, password[:20]
    with pytest.raises(dates.TooMany):
        list(dates.meant(hostile[3]))
    assert Weakness.OWN in found(hostile[3])


# ---------------------------------------------------------------------- whatever a person thinks of

PROFILES: tuple[Profile, ...] = ("academie", "cnil")
MONTHS = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "January February March April May June July August September October November December",
    "janv févr mars avr mai juin juil août sept oct nov déc",
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
)
WRITINGS = (
    "{d:02}{m:02}{y}", "{d:02}{m:02}{yy:02}", "{y}{m:02}{d:02}", "{yy:02}{m:02}{d:02}", "{m:02}{d:02}{y}",
    "{m:02}{d:02}{yy:02}", "{d:02}/{m:02}/{y}", "{d}/{m}/{y}", "{d}/{m}/{yy:02}", "{d}-{m}-{yy:02}",
    "{d:02}.{m:02}.{y}",
    "{y}-{m:02}-{d:02}", "{d}{m}{y}", "{d}{m}{yy:02}", "{d:02}{m:02}", "{m:02}{d:02}", "{d}/{m}", "{d:02}-{m:02}",
    "{m:02}{yy:02}", "{m:02}/{yy:02}", "{m:02}{y}", "{y}", "{d} {name} {y}", "{d}{name}{yy:02}", "{d}{name}",
    "{d} {name}", "{name} {d}", "{name}{d}, {y}", "{name} {y}", "{name}{yy:02}", "{d} {m} {y}",
)  # fmt: skip
days = st.dates(datetime.date(1930, 1, 1), datetime.date(2019, 12, 31))
around = st.text("kTzQ#_&%*xW?", max_size=8)


@settings(max_examples=examples(80), deadline=None)
@given(days, st.sampled_from(WRITINGS), st.sampled_from(MONTHS), around, around, st.booleans())
def test_the_birth_date_is_found_however_it_is_written(
    born: datetime.date, writing: str, months: str, before: str, after: str, upper: bool
) -> None:
    values = {
        "d": born.day,
        "m": born.month,
        "y": born.year,
        "yy": born.year % 100,
        "name": months.split()[born.month - 1],
    }
    written = writing.format(**values)
    password = before + (written.upper() if upper else written) + after
    marks = Marks(birth_date=PROOFS.birth_date(born.isoformat()))
    for profile in PROFILES:
        assert Weakness.OWN in weaknesses(Secret(password), PERSON, marks, PROOFS, profile), password


NAMES = st.text("abcdefghijklmnopqrstuvwxyzéèêëàâçôöûüïîœæß", min_size=3, max_size=12)
LEET = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"})


@settings(max_examples=examples(100), deadline=None)
@given(NAMES, NAMES, around, around, st.sampled_from(["given", "surname", "both", "login"]), st.integers(0, 3))
@example("léa", "lô", "", "", "both", 3)
def test_names_are_found_however_they_are_written(
    given_name: str, surname: str, before: str, after: str, which: str, form: int
) -> None:
    person = replace(
        PERSON,
        login=f"{given_name[0]}{surname}",
        given_name=given_name.capitalize(),
        surname=surname.upper(),
        address="x@ac-exemple.fr",
    )
    name = {"given": given_name, "surname": surname, "both": f"{given_name}.{surname}", "login": person.login}[which]
    written = (name, name.upper(), name.title(), name.translate(LEET))[form]
    for profile in PROFILES:
        assert Weakness.OWN in weaknesses(Secret(before + written + after), person, Marks(), PROOFS, profile)


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"[0-9]{2}[A-Z][0-9]{7}[A-Z]{3}", fullmatch=True), around, around, st.sampled_from(["", " ", "-"]))
def test_the_numen_is_found(numen: str, before: str, after: str, between: str) -> None:
    marks = Marks(numen=PROOFS.numen(numen))
    groups = between.join((numen[:2], numen[2], numen[3:5], numen[5:10], numen[10:]))
    # Letters around it would be read as part of it: only what is not alphanumeric ends it here.
    password = before.translate(SIGNS) + groups.lower() + after.translate(SIGNS)
    assert Weakness.OWN in weaknesses(Secret(password), PERSON, marks, PROOFS)


SIGNS = str.maketrans("kTzQxW", "#_&%*?")


def test_what_a_generator_makes_is_taken() -> None:
    """The own data refuse no more than chance: of random passwords hardly any."""
    maker = random.Random(7)
    letters = string.ascii_letters + string.digits + "!#%&*-_"
    refused = 0
    for _ in range(300):
        password = "".join(maker.choice(letters) for _ in range(14)) + "aZ7!"
        refused += bool(found(password))
    assert refused <= 15


def test_what_a_generator_of_nine_makes_is_mostly_taken() -> None:
    """Short random passwords: a word read backwards or across signs is found by chance in few of them."""
    maker = random.Random(11)
    letters = string.ascii_letters + string.digits + "!#%&*-_"
    refused = sum(bool(found("".join(maker.choice(letters) for _ in range(6)) + "aZ7!")) for _ in range(500))
    assert refused <= 25


# ---------------------------------------------------------------------- profile cnil


@pytest.mark.parametrize(
    "password",
    [
        "kT9#vbRe!mqZ",
        "kt9#vbre!mqz4w",
        "mon chat dort sur le toit rouge demain",
        "Sept mots, et pas un signe de trop ici",
        "XK4-LQ2-PW9-ZR7",
    ],
)
def test_eighty_bits(password: str) -> None:
    assert found(password, "cnil") == set()


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("kT9#vbRe!mq", Weakness.TOO_SIMPLE),
        ("kt9#vbre!mqz4", Weakness.TOO_SIMPLE),
        ("ktwvbremqzpklmwxc", Weakness.TOO_SIMPLE),
        ("74185296307418529630", Weakness.TOO_SIMPLE),
        ("Aa1!Aa1!Aa1!Aa1!", Weakness.TOO_SIMPLE),
        ("kT9#aaaaaaaa", Weakness.TOO_SIMPLE),
        ("non non non non non non non", Weakness.TOO_SIMPLE),
        ("six mots ne font pas assez", Weakness.TOO_SIMPLE),
        ("", Weakness.TOO_SIMPLE),
        ("Motdepasse1!", Weakness.KNOWN),
        ("M0tdep@sse2026", Weakness.KNOWN),
        ("Azertyuiop1!", Weakness.KNOWN),
        ("Password1234!", Weakness.KNOWN),
        ("zQ#kT9vb14071985", Weakness.OWN),
        ("Marc dort sur le toit rouge demain soir", Weakness.OWN),
        ("kT9#vbRe" * 17, Weakness.TOO_LONG),
    ],
)
def test_fewer_bits(password: str, weakness: Weakness) -> None:
    assert weakness in found(password, "cnil")


def test_cnil_asks_for_no_composition_beyond() -> None:
    """No dictionary, no fixed kinds: only the bits, what everybody knows, and one's own data."""
    assert found("maison soleil jardin rue chemin route nuage", "cnil") == set()
    for password in ("", "a", "motdepasse", "dupond", "19850714"):
        assert found(password, "cnil") <= set(rules(Passwords(profile="cnil")))


def test_rules_are_those_of_the_profile() -> None:
    academic = rules(Passwords())
    assert Weakness.FORMER in academic
    assert Weakness.FORMER not in rules(Passwords(history=0))
    assert set(academic) >= found("dupond", "academie")
    assert Weakness.KNOWN in rules(Passwords(profile="cnil"))


@settings(max_examples=examples(50), deadline=None)
@given(st.text(max_size=LONGEST + 5))
def test_any_text_is_judged(password: str) -> None:
    for profile in PROFILES:
        found(password, profile)


# ---------------------------------------------------------------------- phrases of words


@pytest.mark.parametrize(
    "password",
    [
        *(
            "Bretagne-Voilier-87-Bleu",
            "Velo#Jaune7Trottoir",
            "Rivage*Citron45",
            "Trois.Petits.Chats.4",
            "Menhir_Ardoise9",
        ),
        *("Le-Phare-du-Creach-1863", "bleuVoilier!87-bretagnE", "kT9#vb-maison-R4"),
    ],
)
def test_phrases_of_words_are_taken(password: str) -> None:
    """No word makes up half of them, and they are many guesses away."""
    assert found(password) == set()
    assert troubles(Secret(password)) == ()


@pytest.mark.parametrize(
    ("password", "weakness", "piece"),
    [
        ("Soleil2026!", Weakness.WORD, "soleil"),
        ("Azerty123!", Weakness.WORD, "azerty"),
        ("M-a-i-s-o-n#26", Weakness.WORD, "maison"),
        ("nosiaM#2026", Weakness.WORD, "maison"),
        ("house!42Xy", Weakness.WORD, "house"),
        ("Constitutionnel-1", Weakness.WORD, "constitutionnel"),
        ("AzertyAzerty1!", Weakness.GUESSABLE, "AzertyAzerty"),
        ("Aa1!Aa1!Aa1!", Weakness.GUESSABLE, "Aa1!Aa1!Aa1!"),
    ],
)
def test_the_piece_that_is_the_trouble_is_named(password: str, weakness: Weakness, piece: str) -> None:
    assert weakness in found(password)
    (trouble,) = troubles(Secret(password))
    assert trouble.weakness is weakness
    assert piece in trouble.piece.split(", ")
    assert piece not in repr(trouble), "it is part of a secret"


LISTED = ("maison", "soleil", "voilier", "bretagne", "trottoir", "garden", "azerty")


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(LISTED), st.text("kTzQ#_&%*xW?4817", max_size=20), st.text("kTzQ#_&%*xW?4817", max_size=20))
def test_a_word_counts_from_half_of_the_password_on(word: str, before: str, after: str) -> None:
    """Whatever stands around it: half or more is refused, and what the page is told agrees with what is refused."""
    password = f"{before}{word}{after}"
    broken = found(password)
    if len(word) * 2 >= len(password):
        assert Weakness.WORD in broken
    told = {trouble.weakness for trouble in troubles(Secret(password))}
    assert told & {Weakness.WORD} == broken & {Weakness.WORD}
    if len(password) >= SHORTEST and Weakness.WORD not in broken:
        assert told & {Weakness.GUESSABLE} == broken & {Weakness.GUESSABLE}
