"""The page of a letter: the form with what is in it, what is open about its recipients, what went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.mime.compose import Attachment
from mailserver.store import mailboxes
from webui import letters, reading
from webui.frame import DRAFTS, Frame, surround
from webui.letters import Enclosed, Letter
from webui.recipients import Field, Question, look
from webui.visit import Services, Visit


@dataclass(frozen=True, slots=True)
class Original:
    """Attachments of a message that is being passed on, offered before the draft exists."""

    id: int
    pieces: Sequence[reading.Piece]
    whole: bool
    """Offer the whole message as one attachment."""


@dataclass(frozen=True, slots=True)
class ComposePage:
    """The form."""

    frame: Frame
    title: str
    letter: Letter
    enclosed: Sequence[Enclosed]
    original: Original | None
    questions: Sequence[tuple[str, Question]]
    """Field name and what is open in it."""
    faults: Sequence[str]
    limit: str
    """How much attachments may hold, and how much they do."""
    kept_at: str


async def answer(
    services: Services,
    visit: Visit,
    letter: Letter,
    attachments: Sequence[Attachment] = (),
    *,
    original: Original | None = None,
    questions: Sequence[tuple[str, Question]] = (),
    faults: Sequence[str] = (),
    status: int = 200,
) -> Response:
    """The form as a page, with what has to be said about it."""
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    current = next((box.id for box in boxes if box.special_use == DRAFTS), 0) if letter.draft else 0
    letter = letter if letter.key else replace(letter, key=services.keys.new_token())
    _ = visit._
    title = _("Répondre") if letter.answers else _("Transférer") if letter.forwards else _("Nouveau message")
    used = sum(len(one.octets) for one in attachments)
    limit = _("%(used)s sur %(limit)s") % {
        "used": visit.language.size(used),
        "limit": visit.language.size(services.attachment_octets),
    }
    enclosed = [Enclosed(str(place), one.name, len(one.octets)) for place, one in enumerate(attachments)]
    page = ComposePage(
        surround(visit, boxes, current),
        title,
        letter,
        enclosed,
        original,
        questions,
        faults,
        limit,
        visit.language.clock_time(visit.now) if letter.draft and visit.request.method == "POST" else "",
    )
    return services.pages.answer(visit, "mail/compose.html", page, status)


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
        principal = await services.directory.find(login)
        if name in fields and principal is not None and typed in fields[name]:
            fields[name] = fields[name].replace(typed, letters.listed([letters.author(principal)]), 1)
    return replace(letter, to=fields["a"], cc=fields["cc"], bcc=fields["cci"])


async def checked(
    services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment], status: int = 200
) -> Response:
    """The form again with every recipient recognised, or the questions that are left."""
    fields = await fields_of(services, visit, letter)
    questions = [(name, question) for name, field in fields.items() for question in field.questions]
    shown = replace(letter, to=fields["a"].text, cc=fields["cc"].text, bcc=fields["cci"].text)
    faults = []
    if not any(field.people or field.questions for field in fields.values()):
        faults.append(visit._("Indiquez au moins un destinataire."))
        status = 422
    return await answer(services, visit, shown, attachments, questions=questions, faults=faults, status=status)
