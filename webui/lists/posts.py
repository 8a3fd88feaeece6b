"""What became of the messages of a list, and which members outside get nothing any more, as its owners see it."""

from dataclasses import dataclass

from starlette.responses import Response

from directory.lists import owned_lists, rosters
from mailserver.model.errors import Reason, Refused
from mailserver.store.people.mailing_lists import outside_members
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.people.mailing_lists.outside_members import OutsideMember
from mailserver.store.people.mailing_lists.outside_members import Reason as Why
from mailserver.store.queue import list_posts
from mailserver.store.queue.list_posts import Delivered, Fate, Post
from webui.page.administrators import acting
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

SHOWN = 50
"""Messages of a page, and members in trouble."""
SHOWN_MEMBERS = 500
"""Of one message."""


@dataclass(frozen=True, slots=True)
class PostLine:
    """A message in words."""

    post: Post
    at: str

    def count(self, *names: str) -> int:
        """How many members outside it came to so, by the names of `Fate`."""
        return sum(self.post.fates.get(Fate[name], 0) for name in names)


@dataclass(frozen=True, slots=True)
class MemberLine:
    """A member outside in trouble, in words."""

    member: OutsideMember
    since: str
    bounced: str
    why: str
    has_left: bool


@dataclass(frozen=True, slots=True)
class PostsPage:
    """The last messages of a list, and who of its members is in trouble."""

    frame: MailShell
    entry: ListEntry
    rows: tuple[PostLine, ...]
    members: tuple[MemberLine, ...]
    days: int


@dataclass(frozen=True, slots=True)
class DeliveredLine:
    """What became of a message for one member, in words."""

    one: Delivered
    what: str
    at: str


@dataclass(frozen=True, slots=True)
class PostPage:
    """One message."""

    frame: MailShell
    entry: ListEntry
    row: PostLine
    members: tuple[DeliveredLine, ...]
    left_off: int


async def show_posts(services: Services, visit: Visit) -> Response:
    """GET /liste/{address}/messages."""
    entry = await _mine(services, visit)
    posts = await services.store.read(list_posts.posts, entry.address, SHOWN)
    troubled = await services.store.read(outside_members.troubled, entry.address, SHOWN)
    page = PostsPage(
        await surroundings(services, visit),
        entry,
        tuple(_line(visit, one) for one in posts),
        tuple(_member(visit, one) for one in troubled),
        services.settings.audit.trace_days,
    )
    return services.pages.answer(visit, "lists/posts.html", page)


async def send_again(services: Services, visit: Visit) -> Response:
    """POST /liste/{address}/messages: a member is sent messages again; never one who left by themselves."""
    entry = await _mine(services, visit)
    member = visit.form.text("membre")[:320]
    await services.store.write(outside_members.clear, entry.address, [member])
    return redirect(visit, f"{visit.base}/liste/{entry.address}/messages", **done("membre-repris"))


async def show_post(services: Services, visit: Visit) -> Response:
    """GET /liste/{address}/messages/{post}."""
    entry = await _mine(services, visit)
    post = await services.store.read(list_posts.post, entry.address, int(visit.request.path_params["post"]))
    if post is None:
        raise Refused(Reason.NOT_FOUND)
    found = await services.store.read(list_posts.deliveries, post.id, SHOWN_MEMBERS)
    words = _fates(visit)
    members = tuple(DeliveredLine(one, words[one.fate], visit.language.long_date(one.changed)) for one in found)
    frame = await surroundings(services, visit)
    page = PostPage(frame, entry, _line(visit, post), members, max(post.outside - len(found), 0))
    return services.pages.answer(visit, "lists/post.html", page)


async def _mine(services: Services, visit: Visit) -> ListEntry:
    """The list of the address. Raises Refused(NOT_FOUND) for anybody who does not look after it."""
    address = rosters.canonical(str(visit.request.path_params["address"]))
    found = await services.store.read(owned_lists.find, acting(services, visit), address)
    if found is None:
        raise Refused(Reason.NOT_FOUND)
    return found.entry


def _line(visit: Visit, post: Post) -> PostLine:
    return PostLine(post, visit.language.long_date(post.posted))


def _member(visit: Visit, one: OutsideMember) -> MemberLine:
    _ = visit._
    reasons = {
        Why.HARD: _("ses messages reviennent : l’adresse n’existe plus"),
        Why.SOFT: _("ses messages reviennent depuis des semaines"),
        Why.LEFT: _("a quitté la liste"),
    }
    return MemberLine(
        one,
        visit.language.plain_date(one.ended) if one.ended else "",
        visit.language.plain_date(one.bounced) if one.bounced else "",
        reasons[one.reason] if one.reason is not None else "",
        one.reason is Why.LEFT,
    )


def _fates(visit: Visit) -> dict[Fate, str]:
    _ = visit._
    return {
        Fate.WAITING: _("en attente"),
        Fate.TAKEN: _("remis à son serveur"),
        Fate.BOUNCED: _("revenu : personne à cette adresse"),
        Fate.FAILED: _("non remis"),
    }
