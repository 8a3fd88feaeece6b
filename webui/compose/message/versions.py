"""Which stored draft a posted letter goes on with, whatever number it has become.

A draft is one message that is rewritten with each save, so its number changes: by the form's own timer, by another
window or device, by whoever deletes it. What stays is the letter's key, from which its Message-ID is made. A letter
that is to be sent never depends on the number: the text that was posted leaves, in place of the version that says the
same, or beside one that says something else, which stays in the drafts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailserver.mime.writing.compose import Attachment
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.store.web import webmail
from webui.compose.message import drafts
from webui.compose.message.message_form import Letter, plain
from webui.page.context import Services, Visit

MAX_VERSIONS = 10
"""Drafts of one letter that are compared with what was posted, the newest first."""
OPTIONS = ("sender", "behalf", "urgent", "alert", "receipt", "delivery", "apart", "require_tls", "copy", "quotes")
"""What else its author chose of how a letter leaves."""
TRIES = 5
"""How often a save is begun anew when another one of the same draft was faster."""


@dataclass(frozen=True, slots=True)
class Located:
    """A posted letter with the draft that it replaces."""

    letter: Letter
    attachments: tuple[Attachment, ...]
    """What that draft holds."""
    moved: bool = False
    """The draft is not the one that the form named: files that come with the form may be in it already."""


async def locate(services: Services, visit: Visit, letter: Letter) -> Located | None:
    """The draft in whose place a posted letter is kept: the one it names, or a later version with the same words.

    None: its draft was changed or removed elsewhere.
    """
    named = letter.draft and await services.store.read(webmail.is_draft, visit.account_id, letter.draft)
    if named and (found := await _kept(services, visit, letter.draft)) is not None:
        return Located(letter, found.attachments)
    for version in await _versions(services, visit, letter):
        if same_words(version.letter, letter):
            return Located(replace(letter, draft=version.letter.draft), version.attachments, moved=True)
    return None if letter.draft else Located(letter, ())


async def locate_to_send(services: Services, visit: Visit, letter: Letter) -> Located:
    """The same of a letter that is to be sent, which never fails: it is kept beside a version that says something
    else, with the files of the newest one, or of the one that was removed if it can be read still."""
    if (located := await locate(services, visit, letter)) is not None:
        return located
    versions = await _versions(services, visit, letter)
    newest = versions[0] if versions else await _kept(services, visit, letter.draft)
    return Located(replace(letter, draft=0), newest.attachments if newest else (), moved=True)


async def keep(services: Services, visit: Visit, letter: Letter, attachments: Sequence[Attachment]) -> Letter:
    """Save a letter that is to be sent, also when its draft is replaced or removed in this very moment.

    Raises Refused(OVER_QUOTA | TOO_BIG), Temporary.
    """
    for _ in range(TRIES):
        try:
            return await drafts.keep(services, visit, letter, attachments)
        except Refused as refusal:
            if refusal.reason is not Reason.CONFLICT:
                raise
        letter = (await locate_to_send(services, visit, letter)).letter
    raise Temporary("The draft is being changed elsewhere")


async def diverge(services: Services, visit: Visit, letter: Letter) -> bool:
    """Whether a version of this letter that says something else is among the drafts."""
    return any(not same_words(version.letter, letter) for version in await _versions(services, visit, letter))


def same_words(one: Letter, other: Letter) -> bool:
    """Whether two versions of a letter say the same to the same people; blanks and line ends do not matter."""
    return words(one) == words(other)


def words(letter: Letter) -> tuple[str, ...]:
    """What a person typed of a letter, with one blank for each run of them."""
    text = plain(letter.html) if letter.html else letter.text
    typed = (letter.to, letter.cc, letter.bcc, letter.subject, text)
    return tuple(" ".join(field.split()) for field in typed)


def fingerprint(services: Services, letter: Letter, attachments: Sequence[Attachment]) -> bytes:
    """By which the store knows that just this version of a letter has left: its words, its options, its files."""
    files = sorted(
        f"{attachment.name} {len(attachment.octets)}" for attachment in attachments if not attachment.content_id
    )
    options = (f"{name} {getattr(letter, name)}" for name in OPTIONS)
    return services.keys.stored("\0".join((f"version {letter.key}", *words(letter), *options, *files)))


async def _versions(services: Services, visit: Visit, letter: Letter) -> list[drafts.Kept]:
    """The drafts that this letter has become, the newest first."""
    if not letter.key:
        return []
    mine = drafts.message_id(services, letter)
    numbers = await services.store.read(webmail.versions_of, visit.account_id, mine, MAX_VERSIONS)
    found = [await _kept(services, visit, number) for number in numbers]
    return [one for one in found if one is not None]


async def _kept(services: Services, visit: Visit, draft_id: int) -> drafts.Kept | None:
    try:
        return await drafts.kept(services, visit, draft_id)
    except Refused:
        return None  # it was replaced or removed meanwhile
