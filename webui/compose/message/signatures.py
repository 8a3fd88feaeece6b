"""Signatures: which one belongs to a letter, and putting one into its text."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from mailserver.store.web.signatures import ANY, NEW, REPLY, Signature
from webui.compose.message.message_form import NONE, USUAL, Letter
from webui.page.context import Visit


def fitting(visit: Visit, letter: Letter, those: Sequence[Signature]) -> int:
    """The signature a new letter or an answer begins with: the one of its sender and purpose, else the usual one."""
    purpose = REPLY if letter.answers or letter.forwards else NEW
    sender = letter.sender or visit.principal.address
    fit = [one for one in those if one.sender in ("", sender) and one.purpose in (ANY, purpose)]
    best = max(fit, key=lambda one: (one.sender == sender, one.purpose == purpose), default=None)
    return best.id if best else USUAL


def signed(visit: Visit, letter: Letter, those: Sequence[Signature], wanted: int) -> Letter:
    """The letter with this signature in place of the one it has, which only goes if nobody changed it."""
    old, new = _text(visit, those, letter.signature), _text(visit, those, wanted)
    text = letter.text
    if (block := _block(old).rstrip("\n")) and block in text:
        before, _, after = text.rpartition(block)
        text = before + _block(new).rstrip("\n") + after
    else:
        text = text.rstrip("\n") + _block(new)
    html = letter.html
    if html:
        html = html.replace(_page(old), "", 1) if old else html
        html += _page(new) if new else ""
    return replace(letter, text=text, html=html, signature=wanted)


def begun(visit: Visit, letter: Letter, those: Sequence[Signature], *, formatted: bool) -> Letter:
    """A letter as its form opens: with its signature, as HTML where the person writes so."""
    letter = replace(letter, signature=fitting(visit, letter, those))
    text = _text(visit, those, letter.signature)
    html = letter.html or ("<div><br></div>" if formatted else "")
    if text:
        html = html + _page(text) if html else ""
    return replace(letter, text=letter.text + _block(text), html=html)


def lines(text: str) -> str:
    """Plain text as HTML."""
    return "<br>".join(escape(line) for line in text.split("\n"))


def _text(visit: Visit, those: Sequence[Signature], number: int) -> str:
    if number == NONE:
        return ""
    own = next((one.text for one in those if one.id == number), visit.preferences.signature)
    return own.strip()


def _block(text: str) -> str:
    return f"\n\n-- \n{text}\n" if text else ""


def _page(text: str) -> str:
    """As the cleaner leaves it, so that it is found again."""
    return f"<div>-- <br>{lines(text)}</div>" if text else ""
