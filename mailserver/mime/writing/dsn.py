"""Delivery status notifications: multipart/report (RFC 6522) with message/delivery-status (RFC 3464)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from mailserver.mime.body.parser import MAX_HEADER
from mailserver.mime.body.scanning import scan
from mailserver.mime.header import dates
from mailserver.mime.writing.compose import NewMessage, Piece, envelope_fields, message_part, multipart, text_part
from mailserver.mime.writing.fields import MAX_LINE, Correspondent, field
from mailserver.model.folding import strip_marks
from mailserver.texts import delivery_reasons
from mailserver.texts.catalogue import N_, NC_
from mailserver.texts.dates import Moment
from mailserver.texts.languages import LanguageCode
from mailserver.texts.text import NOTHING, Several, Text, Untranslated, spoken

MAX_RETURNED = 64 * 1024
"""Octets of a message that are returned whole, where its sender asked for it (RFC 3461 section 4.3)."""
_REPLY = re.compile(r"[2-5][0-9]{2}(?![^ -])")
"""How the reply of a server begins; what we say ourselves has no code."""


class Action(StrEnum):
    """RFC 3464 section 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient."""

    recipient: str
    action: Action
    status: str
    """Enhanced status code (RFC 3463), `5.1.1`."""
    diagnostic: str = ""
    """What the other server said, `550 5.1.1 No such user`."""
    remote: str = ""
    """The server that said it."""
    orcpt: str = ""
    """ORCPT as it was given, `rfc822;user+2Btag@example.org`."""
    last_attempt: float = 0
    retry_until: float = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A report to whoever sent a message."""

    domain: str
    """Ours: the report is from its postmaster."""
    host: str
    """Name of this server (Reporting-MTA)."""
    recipient: str
    """The reverse-path of the message."""
    date: float
    message_id: str
    fates: tuple[Fate, ...]
    arrival: float = 0
    envid: str = ""
    """ENVID as it was given: xtext."""
    whole: bool = False
    """Return all of the message, not only its header (RET=FULL)."""
    language: LanguageCode | None = None
    """Of whoever reads it; None: it is not known, and both are written."""
    zone: tzinfo = UTC
    """In which its times are written."""

    def moment(self, instant: float) -> str:
        """As programs read it."""
        return dates.write(instant, dates.offset(instant, self.zone))


def build(report: Report, original: bytes) -> bytes:
    """The octets of a report. `original` is the message it is about; its header is enough."""
    about = scan(original)
    message = NewMessage(
        author=Correspondent("Service de messagerie", f"postmaster@{report.domain}"),
        date=report.date,
        message_id=report.message_id,
        to=(Correspondent("", report.recipient),),
        subject=_subject(report, about.subject),
        in_reply_to=about.message_id,
        references=(about.message_id,) if about.message_id else (),
        more=(("Auto-Submitted", "auto-replied"),),  # RFC 3834 section 3.1
        zone=dates.offset(report.date, report.zone),
    )
    pieces = [
        text_part(_explain(report, about.subject)),
        _status(report),
        _returned(report, original, about.header_size),
    ]
    content = multipart("report", pieces, report.message_id, [("report-type", "delivery-status")])
    return envelope_fields(message) + b"MIME-Version: 1.0\r\n" + content.octets


_SUBJECTS = {
    Action.FAILED: Text("Message non remis"),
    Action.DELAYED: Text(NC_("report", "Message en attente")),
    Action.RELAYED: Text("Message transmis"),
}


_GRAVEST_FIRST = (Action.FAILED, Action.DELAYED, Action.RELAYED)


def _gravest(fates: Sequence[Fate]) -> Action:
    actions = {fate.action for fate in fates}
    return next((action for action in _GRAVEST_FIRST if action in actions), Action.DELIVERED)


def _subject(report: Report, subject: str) -> str:
    title = spoken(_SUBJECTS.get(_gravest(report.fates), Text("Message remis")), report.language)
    return f"{title} : {subject[:200]}" if subject else title


_TEXTS = {
    Action.FAILED: N_(
        "Votre message n'a pas pu être remis aux destinataires ci-dessous.\nLe serveur n'essaiera plus de l'envoyer."
    ),
    Action.DELAYED: N_(
        "Votre message n'a pas encore pu être remis aux destinataires ci-dessous.\n"
        "Vous n'avez rien à faire : le serveur continue d'essayer{until}."
    ),
    Action.RELAYED: N_(
        "Votre message a été transmis au serveur des destinataires ci-dessous.\n"
        "Ce serveur ne confirmera pas qu'il leur a été remis."
    ),
    Action.DELIVERED: N_("Votre message a été remis aux destinataires ci-dessous."),
}


def _explain(report: Report, subject: str) -> str:
    """The part for people: in the reader's language, or French first, then English."""
    end = max((fate.retry_until for fate in report.fates), default=0)
    until = Text(" jusqu'au {day}", day=Moment(datetime.fromtimestamp(end, report.zone))) if end else NOTHING
    text = Text(
        "Bonjour,\n\n{told}\n\n{about}\n{fates}\nService de messagerie, {domain}\n",
        told=Text(_TEXTS[_gravest(report.fates)], until=until),
        about=Text("Objet : {subject}\n", subject=subject) if subject else NOTHING,
        fates=Several(*map(_explained, report.fates)),
        domain=report.domain,
    )
    return spoken(text, report.language, "\n---\n\n")


def _explained(fate: Fate) -> Text:
    """A recipient, what it means and what to do in our words, then what the other server said in its own."""
    said = _one_line(fate.diagnostic) if fate.diagnostic else fate.status
    answer = Text("Réponse de {server} : {said}", server=fate.remote, said=said) if fate.remote else Untranslated(said)
    lines: list[Text] = [Untranslated(_one_line(fate.recipient))]
    if fate.action in (Action.FAILED, Action.DELAYED):
        reason = delivery_reasons.explain(fate.status, fate.diagnostic)
        lines.append(reason.why)
        # What still waits asks nothing of its sender: the part says so above.
        if fate.action is Action.FAILED and reason.advice is not NOTHING:
            lines.append(reason.advice)
    lines.append(answer)
    indents = [Untranslated("  "), *[Untranslated("      ")] * (len(lines) - 1)]
    return Several(*(part for pair in zip(indents, lines, strict=True) for part in (*pair, Untranslated("\n"))))


def _one_line(text: str) -> str:
    return " ".join(text.split())[: MAX_LINE // 2]


def _status(report: Report) -> Piece:
    """RFC 3464 section 2: fields of the message, then a group for each recipient."""
    body = b"\r\n".join([_message_fields(report), *(_recipient_fields(report, fate) for fate in report.fates)])
    if all(fate.recipient.isascii() and fate.orcpt.isascii() for fate in report.fates):
        if not body.isascii():  # the words of another server: seven bits have to do (RFC 3464 section 2.1)
            body = strip_marks(body.decode("utf-8")).encode("ascii", "replace")
        return Piece(b"Content-Type: message/delivery-status\r\n", body)
    header = b"Content-Type: message/global-delivery-status\r\n"  # RFC 6533 section 4
    return Piece(header + b"Content-Transfer-Encoding: 8bit\r\n", body)


def _message_fields(report: Report) -> bytes:
    out = [_field("Reporting-MTA", f"dns; {report.host}")]
    if report.envid:
        out.insert(0, _field("Original-Envelope-Id", _decoded(report.envid)))
    if report.arrival:
        out.append(_field("Arrival-Date", report.moment(report.arrival)))
    return b"".join(out)


def _recipient_fields(report: Report, fate: Fate) -> bytes:
    kind = "rfc822" if fate.recipient.isascii() else "utf-8"
    out = [_field("Original-Recipient", _original_recipient(fate.orcpt))] if fate.orcpt else []
    out += [
        _field("Final-Recipient", f"{kind}; {fate.recipient}"),
        _field("Action", fate.action.value),
        _field("Status", fate.status),
    ]
    if fate.remote:
        out.append(_field("Remote-MTA", f"dns; {fate.remote}"))
    if fate.diagnostic:
        kind = "smtp" if _REPLY.match(fate.diagnostic) else "x-mailserver"  # RFC 3464 section 2.3.6
        out.append(_field("Diagnostic-Code", f"{kind}; {fate.diagnostic}"))
    if fate.last_attempt:
        out.append(_field("Last-Attempt-Date", report.moment(fate.last_attempt)))
    if fate.action is Action.DELAYED and fate.retry_until:
        out.append(_field("Will-Retry-Until", report.moment(fate.retry_until)))
    return b"".join(out)


def _original_recipient(orcpt: str) -> str:
    """ORCPT with its xtext decoded (RFC 3461 section 6.3); what is UTF-8 was never encoded so (RFC 6533 section 3)."""
    kind, separator, text = orcpt.partition(";")
    return orcpt if kind.lower() == "utf-8" else kind + separator + _decoded(text)


def _decoded(xtext: str) -> str:
    """The text that xtext stands for (RFC 3461 section 4), but for characters that no field may hold."""
    return re.sub(r"\+(2[0-9A-F]|[3-6][0-9A-F]|7[0-9A-E])", lambda match: chr(int(match[1], 16)), xtext)


def _field(name: str, value: str) -> bytes:
    """A field of a status part: one line, no encoded words (RFC 3464 section 2.1.1), nothing injected."""
    if value.isascii():
        return field(name, _one_line(value).replace("=?", "= ?"))
    return f"{name}: {_one_line(value)}\r\n".encode("utf-8", "replace")


def _returned(report: Report, original: bytes, header_size: int) -> Piece:
    """The message, or as much of it as may be returned."""
    if report.whole and len(original) <= MAX_RETURNED:
        return message_part(original)
    header = original[: min(header_size, MAX_HEADER)]
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", header).replace(b"\0", b"")
    lines = re.sub(rb"([^\r\n]{%d})[^\r\n]+" % (MAX_LINE - 1), rb"\1", lines)
    fields = b"Content-Type: text/rfc822-headers" + (b"" if lines.isascii() else b"; charset=utf-8") + b"\r\n"
    if not lines.isascii():
        fields += b"Content-Transfer-Encoding: 8bit\r\n"
    return Piece(fields, lines)
