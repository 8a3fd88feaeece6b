"""The text of PDF files (ISO 32000), for what a letter gives away; browsers show the file itself."""

import io
import logging
import re

from pypdf import PageObject, PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError, PyPdfError, WrongPasswordError
from pypdf.generic import DictionaryObject

from mailserver.previews.cell_values import Habits
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.markup import Markup

MAX_PAGES = 500
MAX_LOOKED_AT = 1024 * 1024
"""Octets of what draws a page without text."""
_PAINTS = re.compile(rb"(?:^|[\s\]])(?:Do|BI|[fFSs]|[fBb]\*|[Bb]|sh)(?=\s|$)")
"""Operators that put something on a page (ISO 32000-1 section 8.2): pictures, and paths that are filled or drawn."""


def write(octets: bytes, out: Markup, _habits: Habits) -> None:
    """What stands on its pages and in its form. Raises Unreadable."""
    logging.disable(logging.CRITICAL)
    try:
        _write(octets, out)
    except (FileNotDecryptedError, WrongPasswordError) as error:
        raise Unreadable(Fault.ENCRYPTED) from error
    except LimitReachedError as error:
        raise Unreadable(Fault.TOO_BIG) from error
    except PyPdfError as error:
        raise Unreadable(Fault.BROKEN) from error


def _write(octets: bytes, out: Markup) -> None:
    reader = PdfReader(io.BytesIO(octets))
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable(Fault.ENCRYPTED)
    for number, page in enumerate(reader.pages):
        if number >= MAX_PAGES or out.full:
            out.cut = True
            break
        text = page.extract_text()
        out.lines(text)
        _remarks(out, page)
        out.cut = out.cut or (not text.strip() and _paints(page))
    out.cut = out.cut or any(True for _ in reader.attachment_list)
    for value in (reader.get_form_text_fields() or {}).values():
        out.lines(str(value or ""))


def _paints(page: PageObject) -> bool:
    """Whether a page without text shows something all the same: a scan, a picture, letters that are drawn."""
    contents = page.get_contents()
    return contents is not None and _PAINTS.search(contents.get_data()[:MAX_LOOKED_AT]) is not None


def _remarks(out: Markup, page: PageObject) -> None:
    """What readers wrote on a page, also where a form was filled in so (ISO 32000-1 section 12.5.6)."""
    for one in page.annotations or ():
        remark = one.get_object()
        if isinstance(remark, DictionaryObject) and (text := remark.get("/Contents")):
            out.lines(str(text))
