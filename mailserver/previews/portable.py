"""The text of PDF files (ISO 32000), for what a letter gives away; browsers show the file itself."""

import io
import logging

from pypdf import PdfReader
from pypdf.errors import FileNotDecryptedError, LimitReachedError, PyPdfError, WrongPasswordError

from mailserver.previews.cell_values import Habits
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.markup import Markup

MAX_PAGES = 500


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
        _paragraph(out, page.extract_text())
    for value in (reader.get_form_text_fields() or {}).values():
        _paragraph(out, str(value or ""))


def _paragraph(out: Markup, text: str) -> None:
    out.raw("<pre>")
    out.text(text)
    out.raw("</pre>")
