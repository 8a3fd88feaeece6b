"""Fields of the academy's models of letters: `{prenom}` becomes the given name of whoever writes the letter."""

import re
from collections.abc import Callable, Mapping

FIELDS = ("prenom", "nom", "nom_complet", "civilite", "adresse", "etablissement", "uai", "ville", "date")
"""Their names, which are the same in every language: a model is written once for everybody."""
MAX_FIELDS = 100
"""Of one model, its subject included."""
MAX_VALUE = 200
"""Characters of what one becomes."""
_FIELD = re.compile(r"\{([A-Za-z0-9_]{1,30})\}")


def fields(text: str) -> list[str]:
    """The fields that stand in a text, known or not, each as often as it does."""
    return _FIELD.findall(text)


def filled(text: str, values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    """The text with its fields filled in, once: braces in a value are no field. One without a value stays as it is,
    so that whoever writes sees what to put there."""

    def value(found: re.Match[str]) -> str:
        shown = "".join(char if char.isprintable() else " " for char in values.get(found[1], "")[:MAX_VALUE])
        return escape(" ".join(shown.split())) or found[0]

    return _FIELD.sub(value, text)
