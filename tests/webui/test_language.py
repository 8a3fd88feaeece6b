"""Every text of the pages is translated; typography, dates, sizes, negotiation."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.texts.extraction import KEYWORDS, extracted
from webui.page import language
from webui.page.language import French, languages, negotiate

WEBUI = Path(language.__file__).parent.parent
NOT_TRANSLATED = {"English", "Français", "Português", "STARTTLS", "SSL", "TLS", "HTTPS", "https", "dav", "eml"}
"""Words in templates that are the same in every language, or stand in their own."""
CLASSES = {"bureau", "class", "courrier", "page", "reglages", "seule", "lire", "trois"}
"""Values of blocks that a parent template puts into an attribute."""


def test_french_is_the_source_with_its_plurals() -> None:
    """French needs no catalogue: every text is in it, and what is counted has both forms."""
    french = French()
    assert french.ngettext("%(n)s message", "%(n)s messages", 0) == "%(n)s message"
    assert french.ngettext("%(n)s message", "%(n)s messages", 1) == "%(n)s message"
    assert french.ngettext("%(n)s message", "%(n)s messages", 2) == "%(n)s messages"
    assert french.gettext("« Oui » : non ; si ! vraiment ?") == (
        "«\u202fOui\u202f»\u202f: non\u202f; si\u202f! vraiment\u202f?"
    )
    for forms in extracted("webui").values():
        for form in forms:
            assert "'" not in form, form
            assert "..." not in form, form
            if re.fullmatch(r"\w+:", form):
                continue  # an operator of searches, typed as it stands
            assert not re.search(r"[^\s«\u202f][:;!?](\s|$)", form.replace("http:", "")), form


def test_templates_hold_no_text_outside_translations() -> None:
    for path in sorted((WEBUI / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\{%-?\s*trans.*?endtrans\s*-?%\}|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", text, flags=re.DOTALL)
        text = re.sub(r"<code>.*?</code>", " ", text)
        text = re.sub(r"<[^>]*>", " ", text)
        words = set(re.findall(r"[A-Za-zÀ-ÿ]{3,}", re.sub(r"&\w+;", " ", text)))
        assert words <= NOT_TRANSLATED | CLASSES, path


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("", "fr"),
        ("en", "en"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("de,en;q=0.3", "en"),
        ("de", "fr"),
        ("en;q=x", "fr"),
        ("en;q=0", "fr"),
        ("," * 10_000, "fr"),
        ("*", "fr"),
    ],
)
def test_negotiation(accept: str, code: str) -> None:
    assert negotiate(accept) == code


def moment(*numbers: int) -> float:
    return datetime(*numbers, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


def test_dates_in_lists_are_short_and_in_the_academy_zone() -> None:
    french, english = languages("Europe/Paris").values()
    now = moment(2026, 11, 25, 12, 0)
    cases = [
        (moment(2026, 11, 25, 8, 5), "09:05", "09:05"),
        (moment(2026, 11, 24, 23, 30), "00:30", "00:30"),
        (moment(2026, 11, 24, 12, 0), "hier", "yesterday"),
        (moment(2026, 11, 23, 12, 0), "lun.\u00a023", "Mon\u00a023"),
        (moment(2026, 11, 1, 12, 0), "1\u00a0nov.", "1\u00a0Nov"),
        (moment(2025, 2, 3, 12, 0), "03/02/2025", "03/02/2025"),
        (moment(2026, 12, 3, 12, 0), "03/12/2026", "03/12/2026"),
        (0, "—", "—"),
    ]
    for when, fr, en in cases:
        assert (french.short_date(when, now), english.short_date(when, now)) == (fr, en)
    assert french.long_date(moment(2026, 11, 24, 10, 48)) == "mardi 24 novembre 2026, 11:48"
    first = moment(2026, 12, 1, 10, 48)
    assert french.long_date(first) == "mardi 1er décembre 2026, 11:48"
    assert (french.plain_date(first), english.plain_date(first)) == ("1er décembre 2026", "1 December 2026")
    assert french.offset(now) == 3600
    assert french.offset(moment(2026, 7, 1)) == 7200


def test_sizes_and_numbers() -> None:
    french, english = languages("Europe/Paris").values()
    sizes = {0: "0\u00a0o", 999: "999\u00a0o", 1024: "1\u00a0Ko", 1_300_000: "1,2\u00a0Mo", 5 * 1024**3: "5\u00a0Go"}
    for octets, text in sizes.items():
        assert french.size(octets) == text
    assert english.size(1_300_000) == "1.2\u00a0MB"
    assert french.number(12345) == "12\u202f345"
    assert english.number(12345) == "12,345"


def test_code_holds_no_french_outside_translations() -> None:
    """What stands in code and looks like French for people goes through the catalogue."""
    found = []
    for path in sorted(WEBUI.rglob("*.py")):
        if "node_modules" not in path.parts and path.name not in ("query.py", "language.py"):
            found += [(path.name, text) for text in _literals(ast.parse(path.read_text(encoding="utf-8")))]
    words = [(name, text) for name, text in found if re.fullmatch(r"[\w’ ,.:;!?«»%()-]+", text)]
    french = [(name, text) for name, text in words if re.search(r"[éèàêçùôîûœÉÀ]|\w’\w", text)]
    assert [(name, text) for name, text in french if text not in NOT_TRANSLATED] == []


def _literals(tree: ast.AST) -> Iterator[str]:
    """Texts that are neither docstrings nor what is translated."""
    fine: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            fine.add(id(node.value))
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in (*KEYWORDS, "pgettext"):
                fine |= {id(inner) for argument in node.args for inner in ast.walk(argument)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in fine:
            yield node.value
