"""Personal numbers in a text: NUMEN, INE, NIR (social security), IBAN. Pure, linear, and bounded.

Where a number has check digits they decide; where it has none, its form, and for the INE a word beside it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

MAX_CANDIDATES = 5000
"""Of one kind in one text: what looks like a number is computed with."""


class Kind(StrEnum):
    """What may not leave unasked."""

    PASSWORD = "password"  # noqa: S105
    NUMEN = "numen"
    INE = "ine"
    NIR = "nir"
    IBAN = "iban"
    UNCOMPARED = "uncompared"
    """Words that nobody compares with the password any more: said where something else is asked about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One of them."""

    kind: Kind
    value: str = field(repr=False)
    where: str = ""
    """The name of the attached file; empty: the letter itself."""

    @property
    def masked(self) -> str:
        """What may be shown: enough to find it, too little to use it; of words how many there are."""
        if self.kind is Kind.PASSWORD:
            return "••••••••"
        if self.kind is Kind.UNCOMPARED:
            return str(len(self.value.split("\n")))
        return f"{self.value[:4]}{'•' * max(1, len(self.value) - 6)}{self.value[-2:]}"


_GAP = r"(?:[ .-]{1,2}| ?\r?\n(?:> ?){0,4} ?)?"
"""Between two groups: a blank, a point, a hyphen, or the end of a line, with the marks of what is quoted."""
_ALONE, _ENDED = "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])"


def _pattern(*groups: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(_ALONE + _GAP.join(groups) + _ENDED, flags)


_NIR = _pattern(
    *("[1-478]", "[0-9]{2}", "(?:0[1-9]|1[0-2]|[23][0-9]|4[0-2]|[5-9][0-9])"),
    *("(?:[0-9]{2}|2[ABab])", "[0-9]{3}", "[0-9]{3}", "[0-9]{2}"),
)
"""Sex, year, month (20 and more: not known), department, municipality, order, key."""
_NUMEN = _pattern("[0-9]{2}", "[A-Z]", "[0-9]{2}", "[0-9]{5}", "[A-Z]{3}")
_NUMEN_NAMED = _pattern("[0-9]{2}", "[A-Z]", "[0-9]{2}", "[0-9]{5}", "[A-Z]{3}", flags=re.IGNORECASE)
_INE = _pattern("(?:[0-9]{9}[A-Z]{2}|[0-9]{10}[A-Z])", flags=re.IGNORECASE)
_SAYS_NUMEN = re.compile(r"\bnumen\b", re.IGNORECASE)
_SAYS_INE = re.compile(r"\b(?:I\.?N\.?E|ine|B\.?E\.?A|RNIE)\b|identifiant\s{1,3}national|num[ée]ro\s{1,3}national")
_IBAN = re.compile(_ALONE + "[A-Za-z]{2}[0-9]{2}")
_GAPS = frozenset(" .-\r\n>")
MAX_GAP = 4
_SAME = {
    **dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-"),
    **dict.fromkeys((0x9, 0xB, 0xC, 0xA0, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000), " "),
    **{0xFF00 + code: chr(0x20 + code) for code in range(1, 0x5F)},
    **dict.fromkeys((0xAD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF)),
}
"""What stands for a hyphen, a blank or a letter, and what nobody sees: word processors put them into numbers."""

_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18"
    " FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20"
    " LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24"
    " SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
_LENGTH = {one[:2]: int(one[2:]) for one in _LENGTHS.split()}
"""Characters of an IBAN by its country (ISO 13616)."""


def numbers(text: str, where: str = "") -> Iterator[Finding]:
    """Every personal number of a text, each once for each time that it stands there."""
    text = as_typed(text)
    yield from (Finding(Kind.NIR, one, where) for one in _matches(_NIR, text) if is_nir(one))
    numen = _NUMEN_NAMED if _SAYS_NUMEN.search(text) else _NUMEN
    yield from (Finding(Kind.NUMEN, one, where) for one in _matches(numen, text))
    if _SAYS_INE.search(text):
        yield from (Finding(Kind.INE, one, where) for one in _matches(_INE, text))
    yield from (Finding(Kind.IBAN, one, where) for one in _ibans(text))


def as_typed(text: str) -> str:
    """A text as one types it: digits, blanks, hyphens of other shapes as the usual ones, without what nobody sees."""
    if text.isascii():
        return text.replace("\t", " ")
    return text.translate(_SAME)


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for match in islice(pattern.finditer(text), MAX_CANDIDATES):
        yield squeezed(match[0])


def squeezed(text: str) -> str:
    """A number without what stands between its groups, in capitals."""
    return "".join(char for char in text if char not in _GAPS).upper()


def is_nir(number: str) -> bool:
    """Whether the key of fifteen characters is right; Corsica counts as 19 and 18 in it."""
    digits = number.replace("2A", "19").replace("2B", "18")
    if len(digits) != 15 or not (digits.isascii() and digits.isdecimal()) or digits[5:7] == "00":
        return False
    return 97 - int(digits[:13]) % 97 == int(digits[13:])


def _ibans(text: str) -> Iterator[str]:
    for match in islice(_IBAN.finditer(text), MAX_CANDIDATES):
        length = _LENGTH.get(match[0][:2].upper())
        found = _run(text, match.start(), length) if length else ""
        if found and is_iban(found):
            yield found


def _run(text: str, start: int, length: int) -> str:
    """So many letters and digits from there, single gaps between them left out; empty: it ends before or later."""
    taken: list[str] = []
    gap = 0
    for at in range(start, min(len(text), start + 3 * length)):
        char = text[at]
        if char.isascii() and char.isalnum():
            if len(taken) == length:
                return "".join(taken).upper() if gap else ""
            taken.append(char)
            gap = 0
        elif len(taken) == length:
            break
        elif char not in _GAPS or gap >= MAX_GAP:
            return ""
        else:
            gap += 1
    return "".join(taken).upper() if len(taken) == length else ""


def is_iban(number: str) -> bool:
    """Whether its length is that of its country and its check digits are right (ISO 7064, mod 97-10)."""
    if _LENGTH.get(number[:2]) != len(number) or not (number.isascii() and number.isalnum()):
        return False
    return int("".join(str(int(char, 36)) for char in number[4:] + number[:4])) % 97 == 1
