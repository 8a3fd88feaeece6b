"""Mail that comes, that leaves, and what is done about it on its way."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StrictInt, model_validator

from mailserver.foundation.settings.checks import (
    MOST_DAYS,
    MOST_OCTETS,
    MOST_SECONDS,
    HostName,
    MailDomain,
    Network,
    NextHop,
    Seconds,
    check_mailbox,
    check_mark,
    check_marks,
    check_scanner,
)
from mailserver.foundation.settings.relays import OutboundRelay, Relays, Source, Sources, check_relays
from mailserver.foundation.settings.section import Section


class Outbound(Section):
    """How mail for other domains leaves."""

    smarthost: NextHop = ""
    """`host:port` that takes everything; empty: the recipients' own exchangers. The same as a relay without conditions
    and of priority 0."""
    routes: dict[HostName, NextHop] = Field(default_factory=dict)
    """Static routes, domain -> `host:port`: each a relay for these recipients, of priority 0."""
    relays: Relays = ()
    """Servers that take mail for other domains, which one whose. What nobody takes goes to the recipients' own
    exchangers."""
    source: Sources = ()
    """Addresses of this machine that others are dialled from, one IPv4 and one IPv6; where only one is named, others
    are dialled over its family alone. Empty: the system chooses."""
    source_names: dict[Source, HostName] = Field(default_factory=dict)
    """How we greet from an address, for servers that compare that with its reverse name; others get `hostname`."""
    port: int = Field(default=25, ge=1, le=65535)
    retry: tuple[Seconds, ...] = Field(default=(60, 300, 900, 1800, 3600, 7200, 14400), min_length=1, max_length=100)
    """Delay before each further attempt; the last one repeats."""
    lifetime: int = Field(default=4 * 86400, ge=60, le=MOST_SECONDS)
    """A message older than this is given up (RFC 5321 section 4.5.4.1)."""
    delay_warning: int = Field(default=4 * 3600, ge=60, le=MOST_SECONDS)
    concurrency: int = Field(default=250, ge=1, le=1000)
    """Attempts at once of one process that sends."""
    per_destination: int = Field(default=10, ge=1, le=1000)
    """Those to one domain."""
    timeout: int = Field(default=120, ge=1, le=MOST_SECONDS)
    mta_sts: bool = True
    """Policies of other domains are heeded (RFC 8461), on mail that goes to their own exchangers."""
    dane: bool = True
    """The keys of their servers that are in DNS are heeded (RFC 7672), where `dns.validating` lets it be known."""
    tls_lost_hours: int = Field(default=24, ge=0, le=720)
    """How long mail for a domain waits whose servers took it over TLS so far, and do no more; 0: it does not."""
    tls_lost: Literal["send", "wait"] = "send"
    """After that it leaves in the clear, or waits on until its lifetime ends."""
    chunking: bool = True
    """Messages leave by BDAT where CHUNKING is offered (RFC 3030); false: always by DATA."""
    require_tls: tuple[MailDomain, ...] = ()
    """Domains, and all below them, whose servers get nothing but with TLS and a certificate for their name."""
    sign: bool = True
    """DKIM signatures; false: a smarthost signs, and nothing waits for a key of ours."""

    @model_validator(mode="after")
    def _check_relays(self) -> Self:
        check_relays(self.all_relays)
        return self

    @property
    def all_relays(self) -> tuple[OutboundRelay, ...]:
        """Those of `smarthost` and `routes` as well."""
        routes = [
            OutboundRelay.model_construct(host=host, recipients=(domain.lower(),), priority=0)
            for domain, host in self.routes.items()
            if host
        ]
        smarthost = [OutboundRelay.model_construct(host=self.smarthost, priority=0)] if self.smarthost else []
        return (*self.relays, *routes, *smarthost)


Marks = Annotated[tuple[StrictInt, StrictInt], AfterValidator(check_marks)]
"""Past the first a message waits for IT, past the second it is refused."""


class SendingMarks(Section):
    """How many recipients one account may write to, over every door together."""

    minute: Marks = (500, 700)
    ten_minutes: Marks = (800, 1000)
    hour: Marks = (2000, 4000)
    ten_hours: Marks = (5000, 8000)
    new_outside_per_day: Marks = (1000, 2000)
    """Addresses elsewhere that the account never wrote to before."""
    failures_per_hour: Marks = (100, 200)
    """Recipients that other servers refuse for good."""


class Sending(Section):
    """What keeps an account from being used to send junk."""

    limits: bool = True
    staff: SendingMarks = Field(default_factory=SendingMarks)
    """Administrative staff, secretariats, administrators."""
    teachers: SendingMarks = Field(default_factory=SendingMarks)
    pupils: SendingMarks = SendingMarks(
        minute=(40, 60),
        ten_minutes=(60, 100),
        hour=(120, 200),
        ten_hours=(300, 500),
        new_outside_per_day=(20, 40),
        failures_per_hour=(10, 20),
    )
    night: tuple[StrictInt, StrictInt] = (20, 6)
    """From this hour until that one, and at week-ends, fewer recipients are enough; the same twice: no night."""
    quiet_divisor: int = Field(default=2, ge=1, le=100)
    """What the marks for recipients are divided by then."""
    hold_days: int = Field(default=7, ge=1, le=90)
    """How long a message waits for IT; then its author is told that it was not sent."""

    @model_validator(mode="after")
    def _check_night(self) -> Self:
        if not all(0 <= hour <= 23 for hour in self.night):
            raise ValueError("night: two hours between 0 and 23")
        return self


class Guards(Section):
    """What is asked of people before their letters leave."""

    kinds: tuple[Literal["password", "numen", "ine", "nir", "iban"], ...] = ("password", "numen", "ine", "nir", "iban")
    """What a letter does not take to the outside until its author confirms it; none: nothing is looked for."""
    confirm_days: int = Field(default=7, ge=1, le=30)
    """How long such a letter waits; then its author is told that it was not sent."""
    reply_all: int = Field(default=20, ge=0, le=500)
    """Above so many people the web asks whether an answer is meant for all of them; 0: it does not."""
    recall_minutes: int = Field(default=10, ge=0, le=1440)
    """How long people may take back what nobody here has read yet; 0: not at all."""


class Mailings(Section):
    """Messages to so many people that they are mailings: approved, sent in batches, stopped and taken back."""

    staff: int = Field(default=500, ge=0)
    """Of administrative staff, secretariats, administrators: a message to more people than that is one; 0: none is."""
    teachers: int = Field(default=500, ge=0)
    pupils: int = Field(default=100, ge=0)
    outside: int = Field(default=500, ge=0)
    """A message from outside to a list that brings it to more people waits for the list's owners; 0: none does."""
    approval_above: int = Field(default=1000, ge=0)
    """A mailing to more people than that waits for a second person."""
    approval_days: int = Field(default=7, ge=1, le=90)
    """How long it waits; then its author is told that it was not sent."""
    stopped_days: int = Field(default=7, ge=1, le=90)
    """How long one that was stopped may be resumed, or one that cannot leave waits; then its author and IT are told."""
    per_day: int = Field(default=1, ge=0, le=1000)
    """Mailings of one account that may leave on one day; 0: any number."""


class Smtp(Section):
    """What other servers may do, at the exchange and over LMTP."""

    own_domain_from_outside: Literal["refuse", "authenticated", "accept"] = "refuse"
    """Mail whose sender (MAIL FROM) or author (From) is in one of our domains, from a peer that is no relay;
    `authenticated`: taken where our own DNS stands behind it (SPF, or a signature of ours that came through a list)."""
    mta_sts: Literal["off", "testing", "enforce"] = "testing"
    """The policy at https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461), for who publishes the records of
    `mailserver dns`; `enforce`: others keep mail rather than send it without TLS and a certificate for our name."""
    relays: tuple[Network, ...] = ("127.0.0.0/8", "::1/128")
    """Networks of peers that pass on what people of the house wrote elsewhere, and look after who may."""


class Authentication(Section):
    """How mail from other servers is authenticated. Peers in `smtp.relays` are not."""

    dmarc: Literal["apply", "note", "off"] = "apply"
    """`apply`: what the author's domain asks is done, and what nobody knows now comes again later; `note`: results are
    kept and shown, nothing is refused or put aside; `off`: nothing is looked up at all."""
    known_lists: tuple[HostName, ...] = ()
    """Domains of mailing lists elsewhere that change messages on their way: what they send (their own SPF or signature
    shows it) is neither refused nor put aside for the policy of its author's domain."""
    trusted_sealers: tuple[HostName, ...] = ()
    """Domains whose ARC seals are believed when they say that a message met its author's policy (RFC 8617). Of
    others it is found out whether their chain holds, and nothing that they say counts."""


class Impersonation(Section):
    """Senders elsewhere who are made to be taken for the academy, its services, its people."""

    judge: bool = True
    """What arrives is looked at for them; mail of before is judged by its header alone when it is read."""
    partners: tuple[MailDomain, ...] = ()
    """Domains elsewhere, and all below them, that may write in the academy's name: nobody is warned of the names that
    their senders have, nor of likeness to a domain of ours. Whether they really sent it is DMARC's to say."""
    subject_mark: Annotated[str, AfterValidator(check_mark)] = Field(default="", max_length=60)
    """Stands before the subject of what imitates somebody whoever gets it, `[Attention : expéditeur imité]`; empty:
    what arrived is left as it is. Written once signatures have been verified; they hold no more afterwards."""


class Reports(Section):
    """Aggregate reports of other servers about our domains."""

    dmarc: Annotated[str, AfterValidator(check_mailbox)] = Field(default="", max_length=320)
    """The address in `rua=` of our DMARC record: what comes to it is read (RFC 7489 section 7.2). Empty: nothing is."""
    tls: Annotated[str, AfterValidator(check_mailbox)] = Field(default="", max_length=320)
    """The address in `rua=` of our TLS-RPT record (RFC 8460); the same."""
    days: int = Field(default=180, ge=1, le=MOST_DAYS)
    """How long what they say is kept."""
    send: bool = False
    """Domains that ask for it (`rua=`) are told each day what this service saw of mail in their name."""
    send_tls: bool = True
    """The same of how TLS with their servers went, where they ask for it (RFC 8460)."""


class Junk(Section):
    """What is done about junk mail from outside."""

    filter: bool = True
    """The filter of the house judges, once it has learned enough, and puts junk into the Spam folder."""
    learn: bool = True
    """What people move into Spam and out of it teaches the filter, their own and the academy's."""
    threshold: int = Field(default=990, ge=600, le=1000)
    """How sure the filter must be, in thousandths."""
    least: int = Field(default=100, ge=10, le=100_000)
    """Messages of junk, and as many good ones, that a model must have learned before it judges."""
    rspamd: NextHop = ""
    """`host:port` of an rspamd (its worker "normal") that judges in the filter's place; empty: none."""
    clamd: Annotated[str, AfterValidator(check_scanner)] = ""
    """`host:port` or `unix:/path` of a clamd; a message with a virus is held for IT, or not sent. Empty: none."""
    virus_days: int = Field(default=30, ge=1, le=365)
    """How long a message with a virus is held."""
    scanner_away: Literal["accept", "refuse"] = "accept"
    """What becomes of mail while a scanner cannot be asked: it is taken unasked, or told to come later (451)."""
    scanner_seconds: int = Field(default=20, ge=1, le=300)
    scanned_octets: int = Field(default=10 * 1024 * 1024, ge=1024, le=MOST_OCTETS)
    """Of a larger message clamd is shown the beginning, and rspamd nothing."""


class PeerLimits(Section):
    """What one peer (an address; of IPv6, one /64) may bring to the port `smtp`. Loopback and relays are exempt."""

    enabled: bool = True
    connections_per_minute: int = Field(default=240, ge=1)
    connections_per_hour: int = Field(default=6000, ge=1)
    messages_per_minute: int = Field(default=240, ge=1)
    messages_per_hour: int = Field(default=6000, ge=1)
    recipients_per_minute: int = Field(default=2000, ge=1)
    recipients_per_hour: int = Field(default=20_000, ge=1)
    proven_factor: int = Field(default=10, ge=1, le=1000)
    """What these are multiplied with for peers most of whose messages were shown to come from where they say, and for
    `limits.known_networks`."""
    unknown_recipients: int = Field(default=100, ge=5)
    """In an hour, more than recipients who are here; then the peer is told to come later."""
    tarpit_seconds: int = Field(default=20, ge=0, le=60)
    """The most that an answer about a recipient who is not here waits, once there were several; 0: none waits."""


class Greylisting(Section):
    """Senders whom nobody knows and no domain answers for are asked to come again (RFC 6647)."""

    enabled: bool = False
    delay_seconds: int = Field(default=300, ge=1, le=3600)
    """From the first attempt until one is taken."""
    window_hours: int = Field(default=48, ge=1, le=240)
    """Within which a sender has to come again, or it begins anew."""
    retention_days: int = Field(default=35, ge=1, le=365)
    """How long who has come again is not asked any more, counted from the last message."""


class Blocklists(Section):
    """Lists in DNS of addresses that send junk (RFC 5782), which peers of the port `smtp` are looked up in."""

    lists: dict[HostName, Annotated[int, Field(ge=1, le=1000, strict=True)]] = Field(default={}, max_length=8)
    """Zone -> points for a peer that is on it."""
    junk: int = Field(default=50, ge=0)
    """Points from which its mail goes to Spam; 0: none does."""
    reject: int = Field(default=100, ge=0)
    """Points from which its mail is refused, but for `postmaster@` and `abuse@`; 0: none is."""


class Lists(Section):
    """Distribution lists."""

    standing: bool = True
    """The living lists of every school and class are there without being made (`directory.lists.virtual_lists`)."""
    standing_writers: Literal["anyone", "house", "personnel", "staff", "members", "owners"] = "personnel"
    """Who may write to them."""
    moderation_days: int = Field(default=14, ge=1, le=365)
    """How long a message waits for a list's owner."""
    bounces: int = Field(default=3, ge=1, le=100)
    """A list sends nothing any more to a member outside from whom so many messages came back for good."""
    bounce_days: int = Field(default=30, ge=1, le=365)
    """Within so long."""
    bounce_soft_days: int = Field(default=21, ge=1, le=365)
    """Nor to one from whom messages come back for now, such as a full mailbox, over so long."""
    digest_hour: int = Field(default=18, ge=0, le=23)
    """When the messages of a day are sent to members who want one message a day."""
    archive_days: int = Field(default=1095, ge=1, le=36500)
    """How long lists with an archive keep what they have sent on."""
    archive_size: int = Field(default=2 * 1024**3, ge=1024 * 1024, le=1024**4)
    """Octets of it that each of them keeps: past that the oldest messages go."""


class Filters(Section):
    """Sieve scripts of people."""

    redirect: Literal["academy", "anywhere", "never"] = "academy"
    """Where a script may send mail on, and notices of it: to people of this academy, to anybody, to nobody. The rules
    between populations and the brake hold besides."""
    redirects_per_day: int = Field(default=200, ge=0)
    """Of one account, notices included; what is more stays in INBOX."""
    scripts: int = Field(default=30, ge=1, le=1000)
    """Of one account."""
    script_size: int = Field(default=256 * 1024, ge=4096, le=256 * 1024)
    scripts_size: int = Field(default=1024 * 1024, ge=4096, le=MOST_OCTETS)
    """Of all of one account, without their former versions."""
