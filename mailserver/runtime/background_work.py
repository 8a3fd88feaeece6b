"""Work that no client waits for."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mailserver.background.audit_sealing import AuditSealer
from mailserver.background.blob_gc import BlobCollector
from mailserver.background.certificate_renewal import CertificateRenewal
from mailserver.background.dmarc_report_sending import DmarcReportSender
from mailserver.background.housekeeping import Housekeeper
from mailserver.background.key_calendar import KeyCalendar
from mailserver.background.queue_sampling import QueueSampling
from mailserver.background.schema_watch import SchemaWatch
from mailserver.background.tls_report_sending import TlsReportSender
from mailserver.calendars.feeds import Feeds
from mailserver.delivery.digests import Digests
from mailserver.delivery.held.infected import InfectedMail
from mailserver.delivery.held.moderation import Moderation
from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.notices.push.sender import PushSender
from mailserver.outbound.mailings.decisions import Mailings
from mailserver.outbound.mailings.sending import MailingSender
from mailserver.outbound.submission.waiting.held import HeldSubmissions
from mailserver.outbound.submission.waiting.scheduled import ScheduledMail
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.outbound.withdrawal.thanks import Thanks
from mailserver.policy.viewers import Sharing
from mailserver.runtime.composition import Services

if TYPE_CHECKING:
    from smtp.relay.queue_runner import Relay

Work = Callable[[], Awaitable[None]]


def of(services: Services) -> dict[str, Work]:
    """What workers do; they share it by leases in the store, or do no harm when two do the same."""
    scram = {"scram": services.login.scram.run} if services.settings.login.scram else {}
    return _work_on_mail(services) | _upkeep(services) | _work_outside(services) | scram


def of_relay(relay: "Relay") -> dict[str, Work]:
    """What the processes do that empty the outgoing queue."""
    return {"relay": relay.run, "sts_policies": relay.keep_policies}


def _work_on_mail(services: Services) -> dict[str, Work]:
    """What mail waits for: other servers, a moment, somebody's decision."""
    settings, store, clock = services.settings, services.store, services.clock
    delivery, directory, changes = services.delivery, services.directory, services.changes
    sharing = Sharing(directory=directory, store=store, changes=changes, clock=clock, domain=settings.domain)
    outbox = ScheduledMail(
        settings=settings,
        store=store,
        directory=directory,
        delivery=delivery,
        submission=services.submission,
        sharing=sharing,
        clock=clock,
    )
    moderation = Moderation(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
    held = HeldSubmissions(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
    withdrawals = Withdrawals(settings=settings, store=store, clock=clock)
    decides = Mailings(
        settings=settings,
        store=store,
        directory=directory,
        delivery=delivery,
        withdrawals=withdrawals,
        clock=clock,
    )
    sender = MailingSender(
        settings=settings,
        store=store,
        directory=directory,
        delivery=delivery,
        mailings=decides,
        clock=clock,
    )
    thanks = Thanks(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
    return {
        "scheduled": outbox.run,
        "moderation": moderation.run,
        "infected": InfectedMail(settings=settings, store=store, delivery=delivery, clock=clock).run,
        "held_submissions": held.run,
        "unconfirmed": services.submission.confirmation.run,
        "mailings": sender.run,
        "digests": Digests(settings=settings, store=store, delivery=delivery, clock=clock).run,
        "withdrawal": withdrawals.run,
        "report_thanks": thanks.run,
    }


def _upkeep(services: Services) -> dict[str, Work]:
    """What the store needs, and what the calendar asks for."""
    settings, store, clock = services.settings, services.store, services.clock
    housekeeper = Housekeeper(
        settings=settings,
        store=store,
        directory=services.directory,
        delivery=services.delivery,
        submission=services.submission,
        clock=clock,
        changes=services.changes,
    )
    return {
        "blob_gc": BlobCollector(
            store=store, clock=clock, folder=store.blobs, settings=settings.storage, limits=settings.limits
        ).run,
        "queue_sampling": QueueSampling(store=store, clock=clock).run,
        "housekeeping": housekeeper.run,
        "schema_watch": SchemaWatch(store=store).run,
        "audit_sealing": AuditSealer(settings=settings, store=store, clock=clock, changes=services.changes).run,
    }


def _work_outside(services: Services) -> dict[str, Work]:
    """What asks or tells others, besides mail."""
    settings, store, clock = services.settings, services.store, services.clock
    push = PushSender(
        settings=settings,
        store=store,
        directory=services.directory,
        outside=SafeFetch(names=settings.dns),
        clock=clock,
        changes=services.changes,
    )
    reports = DmarcReportSender(
        settings=settings,
        store=store,
        delivery=services.delivery,
        submission=services.submission,
        resolver=Resolver(settings.dns),
        clock=clock,
    )
    tls_reports = TlsReportSender(
        settings=settings,
        store=store,
        delivery=services.delivery,
        submission=services.submission,
        resolver=Resolver(settings.dns),
        outside=SafeFetch(names=settings.dns),
        clock=clock,
    )
    feeds = Feeds(store=store, outside=SafeFetch(names=settings.dns), clock=clock)
    return {
        "push": push.run,
        "reports": reports.run,
        "tls_reports": tls_reports.run,
        "feeds": feeds.run,
        "certificates": CertificateRenewal(settings=settings, store=store, clock=clock).run,
        "dkim_keys": KeyCalendar(settings=settings, store=store, resolver=Resolver(settings.dns), clock=clock).run,
    }
