"""The module that reads each kind of document: loaded when one is read, the others never."""

import importlib
from collections.abc import Callable

from mailserver.previews.cell_values import Habits
from mailserver.previews.markup import Markup

DOCUMENTS = {"docx": "documents", "xlsx": "sheets", "pptx": "slides", "odf": "opendocument", "pdf": "portable"}
Reader = Callable[[bytes, Markup, Habits], None]


def reader(module: str) -> Reader:
    """Writes a file of that kind as HTML. Raises Unreadable."""
    found: Reader = importlib.import_module(f"mailserver.previews.{module}").write
    return found
