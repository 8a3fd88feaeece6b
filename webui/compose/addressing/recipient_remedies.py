"""What the buttons of a question do to the recipients of a letter: it is shown again, and not sent."""

import re
from dataclasses import replace

from webui.compose.message.message_form import Letter

REPLACE, ALONE = "remplacer", "seulement"


def replacing(typed: str, meant: str) -> str:
    """The value of a button that writes to another address."""
    return f"{REPLACE}:{typed}>{meant}"


def alone(address: str) -> str:
    """The value of a button that writes to this address only."""
    return f"{ALONE}:{address}"


def is_remedy(action: str) -> bool:
    """Whether it is one of these buttons."""
    return action.partition(":")[0] in (REPLACE, ALONE)


def applied(letter: Letter, action: str) -> Letter:
    """The letter as the button wants it."""
    kind, _, said = action.partition(":")
    if kind == ALONE:
        return replace(letter, to=said, cc="", bcc="")
    typed, _, meant = said.partition(">")
    if not typed:
        return letter
    # The address alone, not the end of another one.
    pattern = re.compile(rf"(?<![^\s<,;]){re.escape(typed)}(?![^\s>,;])", re.IGNORECASE)
    to, cc, bcc = (pattern.sub(lambda _: meant, field) for field in (letter.to, letter.cc, letter.bcc))
    return replace(letter, to=to, cc=cc, bcc=bcc)
