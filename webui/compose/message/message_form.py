"""A letter being written: its values, its form, the people it names. `drafts` makes a message of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mime.header.addresses import parse as parse_addresses
from mailserver.mime.header.addresses import people
from mailserver.mime.writing.compose import Attachment
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.identity import Principal
from webui.http.forms import Form, positive
from webui.reader.content import html_view, plain_text

MAX_SUBJECT = 500
MAX_TEXT = 1_000_000
MAX_RECIPIENTS_TEXT = 60_000
MAX_NAME = 200
MAX_FORWARDS = 50
SPOKEN = {
    "fr": "Français",
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "it": "Italiano",
    "pt": "Português",
    "ar": "العربية",
}
"""Languages a letter may be in (`mailserver.model.account.preferences.SPELLING`), by their own names."""
USUAL, NONE = 0, -1
"""Instead of the number of a signature, or of the mailbox for the copy: the usual one, none."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What the form holds."""

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    html: str = ""
    """The text as HTML, cleaned; empty: it is plain."""
    urgent: bool = False
    alert: bool = False
    """Its readers are to be told at once, whatever their quiet hours are (`mailserver.policy.rules.urgent_letters`)."""
    receipt: bool = False
    answers: int = 0
    """The message this one answers, 0 for none."""
    forwards: tuple[int, ...] = ()
    """The messages this one passes on."""
    box: int = 0
    """The mailbox of others where these lie, or where the letter was begun; 0: one's own mail."""
    quotes: bool = False
    """The message that is answered or passed on is quoted, by us, when the letter leaves."""
    draft: int = 0
    """The draft this letter was read from; 0 before it was first saved."""
    key: str = ""
    """Made with the form: the same letter keeps it through every save, and is sent once."""
    sender: str = ""
    """The address it is from; empty: the person's first one."""
    behalf: bool = False
    """Readers see that the person wrote it for a functional box."""
    delivery: bool = False
    """A report of delivery is wanted (RFC 3461)."""
    apart: bool = False
    """One copy for each recipient."""
    require_tls: bool = False
    """It is to go nowhere but over TLS, on its whole way (RFC 8689)."""
    copy: int = USUAL
    """The mailbox for the sender's copy."""
    signature: int = USUAL
    language: str = ""
    """What it is written in, one of SPOKEN; empty: it was not said."""

    @property
    def recipients(self) -> str:
        return ", ".join(filter(None, (self.to, self.cc, self.bcc)))

    @property
    def source(self) -> int:
        """The message that is quoted."""
        return (self.answers or next(iter(self.forwards), 0)) if self.quotes else 0


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that is in the draft already."""

    number: str
    name: str
    octets: int


@dataclass(frozen=True, slots=True)
class Quoted:
    """The original, in both forms, and the pictures its HTML shows."""

    text: str = ""
    html: str = ""
    pictures: tuple[Attachment, ...] = ()


def from_form(form: Form) -> Letter:
    """The letter as posted; over-long values are cut, which the form's own limits make impossible by hand."""
    text = form.text("texte").replace("\r\n", "\n")[:MAX_TEXT]
    return Letter(
        to=_line(form.text("a"), MAX_RECIPIENTS_TEXT),
        cc=_line(form.text("cc"), MAX_RECIPIENTS_TEXT),
        bcc=_line(form.text("cci"), MAX_RECIPIENTS_TEXT),
        subject=_line(form.text("objet"), MAX_SUBJECT),
        text=text,
        html=_posted_html(form, text),
        urgent=form.has("urgent"),
        alert=form.has("prevenir"),
        receipt=form.has("accuse"),
        answers=form.number("repond"),
        forwards=numbers(form.text("transfere")),
        box=form.number("boite"),
        quotes=form.has("citation"),
        draft=form.number("brouillon"),
        key=form.text("cle")[:64],
        sender=form.text("de").partition(" ")[0][:320],
        behalf=form.text("de").endswith(" part"),
        delivery=form.has("remise"),
        apart=form.has("separes"),
        require_tls=form.has("chiffrer"),
        copy=_choice(form.text("copie")),
        signature=_choice(form.text("signature")),
        language=spoken(form.text("langue")),
    )


def _posted_html(form: Form, text: str) -> str:
    """The formatted text, unless the plain one was changed where there was no editor to change the other."""
    html = form.text("html")[:MAX_TEXT]
    if not html or form.has("editeur"):
        return outgoing(html)
    return outgoing(html) if plain(html).split() == text.split() else ""


def outgoing(html: str) -> str:
    """HTML that may leave: cleaned as what comes in is, its own pictures named as parts (RFC 2392)."""
    if not html.strip():
        return ""
    return html_view.clean(html, lambda name: f"cid:{name}").html.strip()


def plain(html: str) -> str:
    """HTML as plain text."""
    return plain_text.from_html(html)


def numbers(text: str) -> tuple[int, ...]:
    """Positive numbers between commas, at most MAX_FORWARDS."""
    found = (positive(one) for one in text[:2000].split(",")[:MAX_FORWARDS])
    return tuple(dict.fromkeys(number for number in found if number))


def spoken(code: str) -> str:
    """A language of SPOKEN, or empty."""
    return code if code in SPOKEN else ""


def _choice(text: str) -> int:
    return NONE if text == "-1" else positive(text)


def _line(text: str, limit: int) -> str:
    return " ".join(text.split())[:limit]


# ---------------------------------------------------------------------- people


def author(principal: Principal) -> Correspondent:
    """Who a person's letters are from."""
    return Correspondent(principal.name, principal.address)


def addressees(text: str) -> tuple[Correspondent, ...]:
    """The addresses in a recipients field; words that are no address yet are left out."""
    found: dict[str, Correspondent] = {}
    for mailbox in people(parse_addresses(commas(text))):
        found.setdefault(mailbox.address.casefold(), Correspondent(mailbox.display, mailbox.address))
    return tuple(found.values())


def commas(text: str) -> str:
    """Semicolons outside quotes as commas: people separate addresses with either."""
    pieces = text.split('"')
    pieces[::2] = [piece.replace(";", ",").replace("\n", ",") for piece in pieces[::2]]
    return '"'.join(pieces)


def listed(those: Sequence[Correspondent]) -> str:
    """People as a recipients field shows them."""
    return ", ".join(_shown(one) for one in those)


def _shown(person: Correspondent) -> str:
    name = person.name.replace('"', "").strip()
    if not name:
        return person.address
    plain_name = all(char.isalnum() or char in " '-.’" for char in name)
    return f"{name} <{person.address}>" if plain_name else f'"{name}" <{person.address}>'
