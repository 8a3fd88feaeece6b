"""What people see, choose and are held to."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mailserver.foundation.settings.checks import (
    MOST_DAYS,
    Days,
    HostName,
    Network,
    check_contact,
    check_mailbox,
    check_program,
    check_url,
    check_zone,
)
from mailserver.foundation.settings.section import Section


class Web(Section):
    """The web interface."""

    academy: str = "Académie"
    """Name shown on the portal."""
    session_hours: int = Field(default=12, ge=1, le=MOST_DAYS)
    shared_session_minutes: int = Field(default=30, ge=5, le=MOST_DAYS)
    help_contact: str = ""
    """Whom to call, shown on the suspended page."""
    url: Annotated[str, AfterValidator(check_url)] = ""
    """Where people find the web interface, `https://mail.ac-exemple.fr`; empty: the host name."""
    timezone: Annotated[str, AfterValidator(check_zone)] = "Europe/Paris"
    admin_networks: tuple[Network, ...] = ()
    """Where the administration console may be opened from, `10.21.0.0/16`; empty: from anywhere. It never hurts the
    command line."""
    offline: bool = True
    """Browsers may install the web interface and keep its last lists and letters for when there is no network."""
    phishing: Annotated[str, AfterValidator(check_mailbox)] = Field(default="", max_length=320)
    """Who is also sent the messages that people report as phishing; those that they pass on to it as attachments, from
    any mail program, are reports, too. Empty: the console alone has them."""
    security_contact: Annotated[str, AfterValidator(check_contact)] = Field(default="", max_length=320)
    """Whom strangers tell that they found a weakness, an address or a page: `/.well-known/security.txt` says it (RFC
    9116). Empty: there is no such file."""
    formatted: bool = False
    """New messages begin formatted in the complete interface, unless a person chose otherwise."""


class Push(Section):
    """Notifications for browsers that are closed. They pass through the servers of whoever made the browser."""

    enabled: bool = False
    services: tuple[HostName, ...] = (
        "fcm.googleapis.com",
        "push.services.mozilla.com",
        "push.apple.com",
        "notify.windows.com",
    )
    """Hosts, and all below them, that may be asked; a browser of another service cannot subscribe."""


class Quiet(Section):
    """The right to disconnect: what holds for whoever chose nothing, and whose school did not either."""

    begins: Literal[18, 19, 20, 21, 22, -1] = 20
    """The hour from which no device tells of new mail; -1: at no hour."""
    ends: Literal[5, 6, 7, 8, 9, 10] = 7
    weekends: bool = True
    holidays: bool = False
    """In the school holidays, too."""
    school_zone: str = Field(default="", max_length=20)
    """Whose school holidays count for who chose none in the agenda; empty: none's."""
    propose: bool = False
    """Whoever writes to a colleague in that one's quiet hours is offered to have the letter leave when these end."""
    urgent_functions: tuple[str, ...] = ("DIR",)
    """Codes of the functions, as exports have them, that may write urgent letters: they are told of at once."""
    urgent_roles: tuple[Literal["teacher", "staff", "pupil", "secretariat", "admin"], ...] = ()
    """Roles that may."""
    urgent_daily: int = Field(default=3, ge=0, le=100)
    """Urgent letters of one sender within a day; 0: nobody sends any."""


class Previews(Section):
    """Files of messages as they are looked at in the web interface."""

    libreoffice: Annotated[str, AfterValidator(check_program)] = ""
    """LibreOffice's program, `/usr/bin/soffice`, which makes PDF of .doc, .xls, .ppt, .rtf; empty: they are saved."""


class Passwords(Section):
    """What people may choose as password, and for how long."""

    profile: Literal["academie", "cnil"] = "academie"
    """`academie`: 8 characters of four kinds, renewed; `cnil`: 80 bits, known passwords refused, never renewed."""
    renewal_days: int = Field(default=365, ge=0, le=MOST_DAYS)
    """Profile `academie` only; 0: never."""
    notice_days: tuple[Days, ...] = (30, 7, 1)
    """When a person is told that the password must be renewed."""
    history: int = Field(default=5, ge=0, le=24)
    """The last passwords that may not come back (profile `academie`)."""
    second_factor: tuple[Literal["teacher", "staff", "pupil", "secretariat", "admin"], ...] = ("admin",)
    """Roles that need a second factor in the web interface."""


class LoginSettings(Section):
    """Ways of proving who somebody is."""

    scram: bool = False
    """SCRAM-SHA-256 over IMAP: a verifier is kept with each password set from now on."""


class Accounts(Section):
    """From the first code to the last octet. Days."""

    code_days: int = Field(default=90, ge=1, le=3650)
    """A printed code is good this long."""
    recovery_minutes: int = Field(default=30, ge=5, le=1440)
    """A code sent to the private address is good this long."""
    leaver_days: int = Field(default=60, ge=0, le=MOST_DAYS)
    """Between the day an export no longer names somebody and the closing."""
    closing_notices: tuple[Days, ...] = (30, 10)
    """When a person is told that the account will be closed."""
    reply_days: int = Field(default=30, ge=0, le=MOST_DAYS)
    """How long a closed account answers its mail."""
    reply_text: str = Field(default="", max_length=4000)
    """What it answers unless the closing said; empty: in both languages that nobody reads it any more."""
    grace_days: int = Field(default=90, ge=0, le=MOST_DAYS)
    """How long a closed account can be restored and exported; then it is erased."""
    undo_hours: int = Field(default=24, ge=0, le=MOST_DAYS)
    """How long an import can be taken back."""


class Audit(Section):
    """The record of who did what to which account. Days."""

    retention_days: int = Field(default=365, ge=1, le=MOST_DAYS)
    trace_days: int = Field(default=30, ge=1, le=365)
    """How long the path of each message is on record: envelope addresses and what became of it."""
