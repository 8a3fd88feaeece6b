"""The page behind the link in a list's message to a member outside: they leave it, or get it again, without logging in.

The link is the proof: its key was written for one member of one list (`mailserver.delivery.lists.member_keys`). Looking
changes nothing (programs follow links); the page has a form. Mailbox providers post to the link itself, without a form
of ours (RFC 8058), which can do one thing alone: leave.
"""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.identity import Archive
from mailserver.store.mail.posts import digest_posts
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.mailing_lists.outside_members import OutsideMember, Reason
from webui.page.context import Guest, Services

KEY_LENGTH = 100
ONE_CLICK = ("List-Unsubscribe", "One-Click")


@dataclass(frozen=True, slots=True)
class SubscriptionPage:
    """One member's, of one list; `member` None: the link opens nothing."""

    key: str
    member: OutsideMember | None
    name: str = ""
    since: str = ""
    outcome: str = ""
    archive: Archive = Archive.NONE
    digest: bool = False
    """They get a message a day."""

    @property
    def has_left(self) -> bool:
        return self.member is not None and self.member.reason is Reason.LEFT


async def show(services: Services, guest: Guest) -> Response:
    """GET /abonnement/{key}."""
    key = key_of(guest)
    return await _answer(services, guest, key, await services.delivery.members.find(key))


async def one_click(services: Services, guest: Guest) -> Response:
    """POST /abonnement/{key}: what a mailbox provider sends for its reader."""
    key = key_of(guest)
    name, value = ONE_CLICK
    if guest.form.text(name) != value:
        return await _answer(services, guest, key, await services.delivery.members.find(key))
    return await _answer(services, guest, key, await services.delivery.members.leave(key))


async def choose(services: Services, guest: Guest) -> Response:
    """POST /abonnement/{key}/choix: a button of the page."""
    key, members = key_of(guest), services.delivery.members
    if guest.form.text("faire") == "reprendre":
        found = await members.resume(key)
        outcome = guest._("C’est fait : vous recevez de nouveau les messages de cette liste.")
    elif (wanted := guest.form.text("faire")) in ("jour", "chaque"):
        found = await members.find(key)
        if found is not None:
            await services.store.write(digest_posts.choose_outside, found.id, digest=wanted == "jour")
        outcome = guest._("C’est noté : vos prochains messages de cette liste viendront à ce rythme.")
    else:
        found = await members.leave(key)
        outcome = guest._("C’est fait : vous ne recevrez plus les messages de cette liste.")
    return await _answer(services, guest, key, found, outcome)


async def _answer(
    services: Services, guest: Guest, key: str, found: OutsideMember | None, outcome: str = ""
) -> Response:
    if found is None:
        return services.pages.answer(guest, "lists/subscription.html", SubscriptionPage(key, None), 404)
    member = await services.delivery.members.find(key) or found
    entry = await services.store.read(lists.get, member.list)
    name = entry.name if entry is not None and entry.name else member.list
    since = guest.language.plain_date(member.ended) if member.ended else ""
    page = SubscriptionPage(key, member, name, since, outcome, _archive(entry, member), _digest(entry, member))
    return services.pages.answer(guest, "lists/subscription.html", page)


def _archive(entry: ListEntry | None, member: OutsideMember) -> Archive:
    return entry.archive if entry is not None and member.reason is not Reason.LEFT else Archive.NONE


def _digest(entry: ListEntry | None, member: OutsideMember) -> bool:
    return member.digest if member.digest is not None else entry is not None and entry.digest


def key_of(guest: Guest) -> str:
    """The key of the address."""
    return str(guest.request.path_params["key"])[:KEY_LENGTH]
