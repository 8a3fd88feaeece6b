"""The page of a letter: the form with what is in it, what is open about its recipients, what went wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.mime import Part
from mailserver.mime.writing.compose import Attachment
from mailserver.model.errors import Refused
from mailserver.store.web.webmail import compose_data
from mailserver.store.web.webmail.compose_data import ComposeData
from webui.compose.addressing import identities
from webui.compose.addressing.identities import Identity
from webui.compose.addressing.recipients import Field, Question, identified, look
from webui.compose.addressing.send_checks import Doubt
from webui.compose.message import message_form, quotation, send_times, signatures
from webui.compose.message.message_form import Enclosed, Letter
from webui.compose.message.send_times import Preset
from webui.page.context import COMPLETE, Services, Visit
from webui.page.shell.mail_shell import DRAFTS, Folder, MailShell, surroundings
from webui.reader import message_parts


@dataclass(frozen=True, slots=True)
class Original:
    """What may be taken along from messages that are being passed on, offered before the draft exists."""

    pieces: Sequence[message_parts.Piece]
    within: Sequence[Part] = ()
    """What its text shows: pictures go along with a quotation in HTML, and else as files, as an invitation does."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much attachments hold, and may hold."""

    text: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class ComposePage:
    """The form."""

    frame: MailShell
    title: str
    letter: Letter
    html: str
    """The formatted text as the editor shows it: pictures by their addresses."""
    enclosed: Sequence[Enclosed]
    original: Original | None
    questions: Sequence[tuple[str, Question]]
    """Field name and what is open in it."""
    faults: Sequence[str]
    room: Room
    kept_at: str
    identities: Sequence[Identity]
    fitting: Mapping[str, int]
    """The signature that belongs to each of them."""
    notices: Sequence[str]
    """In whose name the letter leaves and where its copy goes, where that is not as ever."""
    desk: ComposeData
    folders: Sequence[Folder]
    quote: str
    other: int
    """Another version of this draft; 0: none."""
    presets: Sequence[Preset]
    """Moments at which the letter may leave, beside one that is typed."""
    earliest: str
    """The first moment a letter may be planned for, as the form has it."""
    languages: Mapping[str, str]
    """What the letter may be written in."""
    language: str
    """What it is checked in."""
    urgent: int | None
    """How many more letters the author may have told of at once today; None: it is not theirs to do."""
    options: bool
    """Something beyond the usual is chosen."""
    preview: bool
    """The letter is shown above the form as it will be read."""
    doubts: Sequence[Doubt]
    """What a colleague would ask, told beside what has to be put right."""


async def answer(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment] = (),
    *,
    original: Original | None = None,
    questions: Sequence[tuple[str, Question]] = (),
    faults: Sequence[str] = (),
    other: int = 0,
    status: int = 200,
    preview: bool = False,
    doubts: Sequence[Doubt] = (),
) -> Response:
    """The form as a page, with what has to be said about it."""
    found = await services.store.read(compose_data.find, visit.account_id, visit.principal.role)
    current = next((box.id for box in found.boxes if box.special_use == DRAFTS), 0) if letter.draft else 0
    letter = letter if letter.key else replace(letter, key=services.keys.new_token())
    _ = visit._
    title = _("Répondre") if letter.answers else _("Transférer") if letter.forwards else _("Nouveau message")
    around = await surroundings(services, visit, letter.box if not letter.draft else current)
    names = await identities.identities(services, visit)
    page = ComposePage(
        frame=around,
        title=title,
        letter=letter,
        html=for_editor(visit, letter),
        enclosed=enclosed(attachments),
        original=original,
        questions=questions,
        faults=faults,
        room=room(services, visit, attachments),
        kept_at=visit.language.clock_time(visit.now) if letter.draft and visit.request.method == "POST" else "",
        identities=names,
        fitting={
            one.value: signatures.fitting(visit, replace(letter, sender=one.address), found.signatures) for one in names
        },
        notices=await _notices(services, visit, letter, names),
        desk=found,
        folders=[folder for folder in around.folders if folder.use != DRAFTS] if visit.interface == COMPLETE else (),
        quote=await quotation.shown(services, visit, letter),
        other=other,
        presets=send_times.presets(services, visit),
        earliest=send_times.earliest(visit),
        languages=message_form.SPOKEN,
        language=letter.language or visit.preferences.spelling or visit.language.code,
        urgent=await services.submission.urgent.left(visit.principal),
        options=_has_options(letter),
        preview=preview,
        doubts=doubts,
    )
    return services.pages.answer(visit, "compose/form.html", page, status)


def _has_options(letter: Letter) -> bool:
    ticked = (letter.urgent, letter.alert, letter.receipt, letter.delivery, letter.apart, letter.require_tls)
    return any(ticked) or bool(letter.copy)


async def _notices(services: Services, visit: Visit, letter: Letter, names: Sequence[Identity]) -> list[str]:
    """What is to be said about the sender of a letter, whatever else is chosen in the form."""
    _ = visit._
    said = []
    try:
        standing = (await identities.answering(services, visit, letter.box)).standing
    except Refused:
        standing = None
        said.append(_("Vous n’avez plus accès au dossier où ce message a été commencé : rien n’en sera cité."))
    if standing is not None and standing.box and not standing.sends:
        text = _("Vous ne pouvez pas écrire au nom de %(box)s : ce message part en votre nom.")
        said.append(text % {"box": standing.box})
    elif standing is not None and not standing.box:
        text = _("Ce message vient d’un dossier de %(owner)s : le vôtre part en votre nom.")
        said.append(text % {"owner": standing.owner})
    for name in names:
        if name.box and not name.behalf:
            text = (
                _("Au nom de %(box)s, la copie va dans les messages envoyés de la boîte : vos collègues la voient.")
                if name.keeps
                else _("Au nom de %(box)s, la copie va dans vos messages envoyés : vous ne rangez rien dans la boîte.")
            )
            said.append(text % {"box": name.address})
    return said


def enclosed(attachments: Sequence[Attachment]) -> list[Enclosed]:
    """The files of a draft, pictures within its text apart."""
    return [
        Enclosed(str(place), one.name, len(one.octets)) for place, one in enumerate(attachments) if not one.content_id
    ]


def room(services: Services, visit: Visit, attachments: Sequence[Attachment]) -> Room:
    """How much there is room for: files grow by a third when they travel, so it is less than a message may have."""
    used = sum(len(attachment.octets) for attachment in attachments)
    text = visit._("%(used)s sur %(limit)s") % {
        "used": visit.language.size(used),
        "limit": visit.language.size(services.attachment_octets),
    }
    return Room(text, used, services.attachment_octets)


def for_editor(visit: Visit, letter: Letter) -> str:
    """The HTML of a letter with its own pictures where the browser finds them."""
    if not letter.draft:
        return letter.html
    return letter.html.replace('src="cid:', f'src="{visit.base}/ecrire/{letter.draft}/image?cid=')


async def fields_of(services: Services, visit: Visit, letter: Letter) -> dict[str, Field]:
    """The three recipients fields looked through, by their names in the form."""
    return {
        "a": await look(services, visit, letter.to),
        "cc": await look(services, visit, letter.cc),
        "cci": await look(services, visit, letter.bcc),
    }


async def with_choices(services: Services, visit: Visit, letter: Letter) -> Letter:
    """The letter with the people ticked on the page in place of what was typed for them."""
    fields = {"a": letter.to, "cc": letter.cc, "cci": letter.bcc}
    for chosen in visit.form.every("choix")[:50]:
        name, _, rest = chosen.partition(":")
        login, _, typed = rest.partition(":")
        principal = await identified(services, visit, login)
        if name in fields and principal is not None and typed in fields[name]:
            fields[name] = fields[name].replace(typed, message_form.listed([message_form.author(principal)]), 1)
    return replace(letter, to=fields["a"], cc=fields["cc"], bcc=fields["cci"])


async def checked(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment],
    status: int = 200,
    *,
    preview: bool = False,
    doubts: Sequence[Doubt] = (),
) -> Response:
    """The form again with every recipient recognised, or the questions that are left; `preview`: the letter above."""
    fields = await fields_of(services, visit, letter)
    questions = [(name, question) for name, field in fields.items() for question in field.questions]
    shown = replace(letter, to=fields["a"].text, cc=fields["cc"].text, bcc=fields["cci"].text)
    if preview:
        return await answer(services, visit, shown, attachments, questions=questions, preview=not questions)
    faults = []
    if not any(field.people or field.questions for field in fields.values()):
        faults.append(visit._("Indiquez au moins un destinataire."))
        status = 422
    return await answer(
        services, visit, shown, attachments, questions=questions, faults=faults, status=status, doubts=doubts
    )
