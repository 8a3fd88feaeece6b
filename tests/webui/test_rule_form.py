"""What is typed into the form of a rule: any text takes little time."""

import contextlib
import time

import pytest

from mailserver.filters.rules import Faulty
from mailserver.store.mail.mailboxes import Mailbox
from webui.filters import rule_form
from webui.filters.names import Names
from webui.filters.rule_form import KINDS, MAX_TYPED, VALUELESS, Line, Typed

NOTHING: list[Mailbox] = []


def condition(kind: str, text: str) -> tuple[str, ...]:
    known = Names(None, NOTHING)  # type: ignore[arg-type]
    (found,) = rule_form.rule(Typed([Line(kind, text)], stop=True), known, None).conditions
    return found.values


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in VALUELESS])
@pytest.mark.parametrize("typed", ["a{}a", "a{};a", "a;{}a", "a{}\t;a"])
def test_blanks_take_no_time(kind: str, typed: str) -> None:
    """Thousands of lines in the time of the processor that a single one took when blanks were tried in pairs."""
    line = typed.format(" " * (MAX_TYPED - 4))
    start = time.thread_time()
    for _ in range(100):
        with contextlib.suppress(Faulty):
            condition(kind, line)
    assert time.thread_time() - start < 1.0  # of 4 seconds


def test_values_are_apart_by_semicolons() -> None:
    assert condition("objet-contient", " sortie ;; au \t musée; sortie ; ") == ("sortie", "au musée")
    assert condition("expediteur", " canope.example,jean@exemple.org ;") == ("@canope.example", "jean@exemple.org")
