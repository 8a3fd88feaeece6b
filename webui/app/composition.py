"""The services that the pages work with, each made once."""

from urllib.parse import urlsplit

from mailserver import __version__
from mailserver.accounts.removed_items import RemovedItems
from mailserver.accounts.removed_mail import RemovedMail
from mailserver.addressbook.books import AddressBooks
from mailserver.addressbook.browsing import Browsing
from mailserver.addressbook.pictures import Pictures
from mailserver.addressbook.suggestions import Suggestions
from mailserver.calendars.feeds import Feeds
from mailserver.calendars.school.quiet_hours import QuietHours
from mailserver.delivery import Delivery
from mailserver.delivery.forwarding import Forwards
from mailserver.delivery.held.infected import InfectedMail
from mailserver.delivery.held.moderation import Moderation
from mailserver.filters.absences import Absences
from mailserver.filters.answers import ScriptAnswers
from mailserver.filters.applying import Applying
from mailserver.filters.documents import Documents
from mailserver.filters.scripts import Scripts
from mailserver.filters.trials import AbsenceTrials
from mailserver.foundation.large_answers import LargeAnswers
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.login.recovery import Recovery
from mailserver.login.recovery_address import PrivateAddresses
from mailserver.login.security_notices import SecurityNotices
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.notices.announcements import Announcements
from mailserver.operations.health.figures import Watched
from mailserver.operations.health.service_state import Health
from mailserver.outbound.mailings.decisions import Mailings
from mailserver.outbound.submission.submit import Submission
from mailserver.outbound.submission.waiting.confirmed import UnconfirmedMail
from mailserver.outbound.submission.waiting.held import HeldSubmissions
from mailserver.outbound.submission.waiting.scheduled import ScheduledMail
from mailserver.outbound.withdrawal.hijacked import HijackedAccounts
from mailserver.outbound.withdrawal.recall import Recall
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.policy.viewers import Sharing
from mailserver.previews.service import Previews
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.messages import Quota
from webui.http.assets import Assets, shipped
from webui.http.keys import Keys
from webui.page.context import FilterServices, Services, WaitingMail
from webui.page.language import languages
from webui.page.rendering import Pages, Site


def services_of(
    *,
    settings: Settings,
    store: Store,
    clock: Clock,
    directory: Directory,
    login: Login,
    delivery: Delivery,
    submission: Submission,
    outside: SafeFetch,
) -> Services:
    """All of them."""
    keys = Keys(settings.secret("hmac"), clock)
    assets = shipped()
    spoken = languages(settings.web.timezone)
    board = Announcements(store=store, clock=clock, changes=store.changes)
    books = AddressBooks(store)
    sharing = Sharing(directory=directory, store=store, changes=store.changes, clock=clock, domain=settings.domain)
    health = Health(settings=settings, store=store, directory=directory, clock=clock)
    withdrawals = Withdrawals(settings=settings, store=store, clock=clock)
    return Services(
        settings=settings,
        store=store,
        directory=directory,
        delivery=delivery,
        login=login,
        recovery=Recovery(
            settings=settings, store=store, directory=directory, login=login, clock=clock, post=submission.post
        ),
        private=PrivateAddresses(settings=settings, store=store, clock=clock, post=submission.post),
        telling=SecurityNotices(settings=settings, store=store, clock=clock, post=submission.post),
        submission=submission,
        clock=clock,
        keys=keys,
        assets=assets,
        languages=spoken,
        pages=Pages(_site(settings, assets), spoken, keys, assets, board),
        waiting=_waiting(settings, store, directory, clock, delivery, submission, sharing),
        filters=_filters(settings, store, directory, clock, delivery, submission),
        quiet=QuietHours(settings=settings, store=store, clock=clock, changes=store.changes),
        withdrawals=withdrawals,
        recall=Recall(settings=settings, store=store),
        hijacked=HijackedAccounts(store=store, withdrawals=withdrawals, clock=clock),
        mailings=Mailings(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            withdrawals=withdrawals,
            clock=clock,
        ),
        board=board,
        health=health,
        watched=Watched(settings=settings, store=store, health=health, clock=clock),
        sharing=sharing,
        outside=outside,
        feeds=Feeds(store=store, outside=outside, clock=clock),
        books=books,
        suggestions=Suggestions(settings=settings, store=store, directory=directory, books=books),
        large=LargeAnswers(),
        previews=Previews(),
        removed=RemovedMail(settings=settings, store=store),
        removed_items=RemovedItems(settings=settings, store=store),
        pictures=Pictures(),
        browsing=Browsing(store, directory, ours=settings.ldap is None, quota=Quota.of(settings.limits).octets),
    )


def _waiting(
    settings: Settings,
    store: Store,
    directory: Directory,
    clock: Clock,
    delivery: Delivery,
    submission: Submission,
    sharing: Sharing,
) -> WaitingMail:
    return WaitingMail(
        moderation=Moderation(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock),
        infected=InfectedMail(settings=settings, store=store, delivery=delivery, clock=clock),
        submissions=HeldSubmissions(
            settings=settings, store=store, directory=directory, delivery=delivery, clock=clock
        ),
        unconfirmed=UnconfirmedMail(
            settings=settings, store=store, delivery=delivery, submission=submission, clock=clock
        ),
        outbox=ScheduledMail(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            submission=submission,
            sharing=sharing,
            clock=clock,
        ),
    )


def _filters(
    settings: Settings, store: Store, directory: Directory, clock: Clock, delivery: Delivery, submission: Submission
) -> FilterServices:
    documents, scripts = Documents(settings=settings, store=store), Scripts(settings=settings, store=store)
    return FilterServices(
        rules=documents,
        absences=Absences(settings=settings, store=store, clock=clock, documents=documents),
        trials=AbsenceTrials(settings=settings, store=store, clock=clock, post=submission.post),
        applying=Applying(settings=settings, store=store, clock=clock),
        forwards=Forwards(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            clock=clock,
            post=submission.post,
        ),
        scripts=scripts,
        answers=ScriptAnswers(store=store, scripts=scripts, look=submission.confirmation.look),
    )


def _site(settings: Settings, assets: Assets) -> Site:
    """What every page says of the instance."""
    return Site(
        web=settings.web,
        push=settings.push,
        domain=settings.domain,
        host=urlsplit(settings.public_url).hostname or settings.name,
        icons=assets.icons,
        favicon=assets.url("icon.svg"),
        version=__version__,
    )
