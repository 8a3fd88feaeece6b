"""What people's filters write: absence messages, notices of mail, and to the owner that a filter fails."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mime.body.structure import Part
from mailserver.mime.header import dates
from mailserver.mime.writing import compose, replies
from mailserver.mime.writing.entity import entity
from mailserver.mime.writing.fields import Correspondent
from mailserver.notices.house import House, notice
from mailserver.notices.mail.outgoing import MAX_NAMED, NAMELESS, named, named_of_another, shortened
from mailserver.texts.text import NOTHING, Text

MAX_SUBJECT = 200
ABSENCE_PAGE = "/m/reglages/absence"
SCRIPT_PAGE = "/m/reglages/regles/script"
NOT_OF_BOXES = Text("Les réponses d’une boîte fonctionnelle ne se confirment pas : retirez-en ce qui est personnel.")
_SUBJECT = Text("Votre filtre de messages ne fonctionne pas")


@dataclass(frozen=True, slots=True)
class Absence:
    """An absence message (RFC 5230)."""

    author: Correspondent
    to: str
    subject: str
    text: str
    mime: bool = False
    """`text` is a MIME entity with its header (RFC 5230 section 4.4)."""


def absence(answer: Absence, octets: bytes, message: Part, *, message_id: str, now: float, zone: int) -> bytes:
    """The octets of an absence message that answers `message` (RFC 3834 section 3, RFC 5230 section 5)."""
    in_reply_to, references = replies.thread(octets, message)
    new = compose.NewMessage(
        author=answer.author,
        date=now,
        message_id=message_id,
        to=(Correspondent("", answer.to),),
        subject=answer.subject[:MAX_SUBJECT],
        text="" if answer.mime else answer.text,
        in_reply_to=in_reply_to,
        references=references,
        more=(("Auto-Submitted", "auto-replied"), ("Precedence", "bulk")),
        zone=zone,
    )
    if not answer.mime:
        return compose.build(new)
    return compose.envelope_fields(new) + b"MIME-Version: 1.0\r\n" + entity(answer.text)


def trial(house: House, author: Correspondent, subject: str, text: str, *, token: bytes, now: float) -> bytes:
    """An absence message that its author sends themself, to see it."""
    return compose.build(
        compose.NewMessage(
            author=author,
            date=now,
            message_id=compose.message_id(token, house.domain),
            to=(author,),
            subject=subject[:MAX_SUBJECT],
            text=text,
            more=(("Auto-Submitted", "auto-generated"),),  # RFC 3834 section 5
            zone=dates.offset(now, house.zone),
        )
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A notice that somebody has mail (RFC 5436)."""

    author: Correspondent
    owner: str
    """The address whose filter it is (RFC 5436 section 2.7.1)."""
    to: str
    subject: str
    text: str
    importance: int = 2
    more: tuple[tuple[str, str], ...] = ()


_IMPORTANCE = {1: "1 (High)", 3: "5 (Low)"}


def told(what: Told, *, message_id: str, now: float, zone: int) -> bytes:
    """The octets of a notice that somebody has mail."""
    owner = what.owner.replace("\\", "\\\\").replace('"', '\\"')
    more = [("Auto-Submitted", f'auto-notified; owner-email="{owner}"'), *what.more]
    if what.importance in _IMPORTANCE:
        more.append(("X-Priority", _IMPORTANCE[what.importance]))
    return compose.build(
        compose.NewMessage(
            author=what.author,
            date=now,
            message_id=message_id,
            to=(Correspondent("", what.to),),
            subject=what.subject[:MAX_SUBJECT],
            text=what.text,
            more=tuple(more),
            zone=zone,
        )
    )


def unasked(
    house: House, to: Correspondent, kinds: Sequence[str], *, is_author: bool, token: bytes, now: float
) -> bytes:
    """To the owner: what the filter was to send outside the academy did not leave, for what it gives away."""
    text = Text(
        "Bonjour,\n\n"
        "Un message que votre filtre devait envoyer hors de l’académie n’est pas parti : il contient {found}.\n\n"
        "Ce que vous avez reçu est dans votre boîte. S’il peut sortir de l’académie, redirigez-le vous-même : la "
        "messagerie vous demandera de le confirmer.\n"
        "D’autres messages de ce jour peuvent être restés pour la même raison ; "
        "vous n’en êtes prévenu qu’une fois par jour.",
        found=named(kinds) if is_author else named_of_another(kinds),
    )
    return notice(house, to, house.say(Text("Un message n’est pas sorti de l’académie")), text, token=token, now=now)


def unread(house: House, to: Correspondent, names: Sequence[str], *, token: bytes, now: float) -> bytes:
    """To the owner: what the filter sent outside the academy had files that nobody could read."""
    shown = ", ".join(shortened(name) or house.say(NAMELESS) for name in names[:MAX_NAMED])
    text = Text(
        "Bonjour,\n\n"
        "Un message que votre filtre a envoyé hors de l’académie avait des documents joints qui n’ont pas pu être "
        "lus : {names}. Ils sont partis. Vérifiez qu’il n’y a rien de personnel ; sinon, changez votre filtre.\n\n"
        "D’autres messages de ce jour peuvent avoir eu de tels documents ; "
        "vous n’en êtes prévenu qu’une fois par jour.",
        names=shown,
    )
    title = house.say(Text("Des documents que personne n’a pu lire sont sortis de l’académie"))
    return notice(house, to, title, text, token=token, now=now)


def answer_unasked(
    house: House, to: Correspondent, kinds: Sequence[str], *, is_box: bool, token: bytes, now: float
) -> bytes:
    """To the owner: an absence message did not leave the academy, for what it gives away, and where to confirm it."""
    confirmed = Text(
        "Si ce texte peut partir ainsi, confirmez-le dans la messagerie ; sinon, retirez-en ce qui est personnel. "
        "S’il vient de votre absence, enregistrez-la de nouveau :\n"
        "{absence}\n"
        "S’il vient d’un script Sieve, ouvrez ce script et confirmez ses réponses :\n"
        "{script}",
        absence=f"{house.url}{ABSENCE_PAGE}",
        script=f"{house.url}{SCRIPT_PAGE}",
    )
    text = Text(
        "Bonjour,\n\n"
        "Une réponse automatique de votre filtre n’est pas partie hors de l’académie : elle contient {found}.\n\n"
        "{what_to_do}\n\n"
        "D’autres réponses de ce jour peuvent être restées pour la même raison ; "
        "vous n’en êtes prévenu qu’une fois par jour.",
        found=named(kinds),
        what_to_do=NOT_OF_BOXES if is_box else confirmed,
    )
    return notice(house, to, house.say(Text("Une réponse automatique n’est pas partie")), text, token=token, now=now)


def subject_unasked(house: House, to: Correspondent, kinds: Sequence[str], *, token: bytes, now: float) -> bytes:
    """To the owner: an absence message did not leave the academy, for what stands in its subject."""
    text = Text(
        "Bonjour,\n\n"
        "Une réponse automatique de votre filtre n’est pas partie hors de l’académie : son objet, qui peut reprendre "
        "celui du message reçu, contient {found}.\n\n"
        "Il n’y a rien à confirmer : un objet ne se confirme pas, même quand le texte de la réponse l’est. Ce que vous "
        "avez reçu est dans votre boîte : répondez-y vous-même si vous le souhaitez. Si c’est votre filtre qui met "
        "cela dans l’objet, retirez-l’en.\n\n"
        "D’autres réponses de ce jour peuvent être restées pour la même raison ; "
        "vous n’en êtes prévenu qu’une fois par jour.",
        found=named(kinds),
    )
    title = house.say(Text("L’objet d’une réponse automatique l’a retenue"))
    return notice(house, to, title, text, token=token, now=now)


def failed(house: House, to: Correspondent, why: Text, line: int, *, token: bytes, now: float) -> bytes:
    """To the owner: the filter cannot be used, and mail stays in INBOX."""
    text = Text(
        "Bonjour,\n\nVotre filtre de messages n’a pas pu être appliqué :{place} {why}\n\n"
        "Vos messages restent dans votre boîte de réception jusqu’à ce que le filtre soit corrigé.\n"
        "Ce message ne vous sera envoyé qu’une fois pour ce filtre.",
        place=Text(" ligne {line},", line=line) if line else NOTHING,
        why=why,
    )
    return notice(house, to, house.say(_SUBJECT), text, token=token, now=now)
