"""Who people are: principals, lists, and the port through which every directory is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from mailserver.model.credentials.sasl import Secret
from mailserver.model.folding import could_be_address
from mailserver.model.origin import Origin


class State(StrEnum):
    """Life of an account."""

    PENDING = "not-activated"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Role(StrEnum):
    """Population a person belongs to."""

    TEACHER = "teacher"
    STAFF = "staff"
    PUPIL = "pupil"
    SECRETARIAT = "secretariat"
    ADMIN = "admin"

    @property
    def population(self) -> "Population":
        """The population that the rules between populations speak of."""
        match self:
            case Role.PUPIL:
                return Population.PUPIL
            case Role.TEACHER:
                return Population.TEACHER
            case _:
                return Population.STAFF


class Population(StrEnum):
    """Whom the rules between populations and the emergency brake speak of."""

    PUPIL = "pupil"
    TEACHER = "teacher"
    STAFF = "staff"
    """Staff, secretariats and administrators."""
    OUTSIDE = "outside"
    """Everybody without an account here, and whoever has not proven to have one."""


class Tie(StrEnum):
    """What kind of thing an affiliation ties a person to."""

    FUNCTION = "function"
    """ENS (teacher), DOC (librarian), DIR (head), EDU, ADM …, the codes of the export."""
    DISCIPLINE = "discipline"
    CLASS = "class"
    GROUP = "group"
    SCHOOL = "school"
    """A school besides the main one."""


@dataclass(frozen=True, slots=True)
class Affiliation:
    """What a person is somewhere: `Affiliation(Tie.CLASS, "4B", "0210006T", "4e B")`."""

    kind: Tie
    code: str
    uai: str = ""
    """Empty: the academy's own services, or any school."""
    label: str = ""


_BRACKETS = frozenset("<>\ufe64\ufe65\uff1c\uff1e")
"""Angle brackets of whatever shape: what stands in them is read as an address."""


def shown_name(given_name: str, surname: str, display_name: str) -> str:
    """What people see of a person: the display name that the directory gives them, else given name and surname.

    A display name that could be taken for an address, or that no line and no From field can show, is shown by nobody:
    it would make its bearer look like somebody else.
    """
    is_plain = display_name.isprintable() and _BRACKETS.isdisjoint(display_name) and not could_be_address(display_name)
    return display_name if display_name and is_plain else f"{given_name} {surname}".strip()


@dataclass(frozen=True, slots=True)
class Principal:
    """A person who may log in and receive mail. `account_id` is ours and never changes."""

    account_id: int
    login: str
    """The academic identifier."""
    address: str
    """Primary address, `prenom.nom@domain`."""
    aliases: tuple[str, ...]
    """Every other address that delivers here, `login@domain` included."""
    given_name: str
    surname: str
    role: Role
    state: State
    uai: str = ""
    discipline: str = ""
    may_receive: bool = False
    """Keeps receiving while suspended."""
    quota_bytes: int = 0
    """0: no limit."""
    title: str = ""
    """`M.` or `Mme`."""
    login_version: int = 0
    """Moves whenever the password or the state does; a login kept in memory compares it."""
    device_id: int = 0
    """The app password this person came in with; 0: the chosen password, or nobody came in."""
    display_name: str = ""
    """As a directory gives it (`displayName`); empty: it follows from the names."""

    @property
    def name(self) -> str:
        """What people see (`shown_name`)."""
        return shown_name(self.given_name, self.surname, self.display_name)

    def owns(self, address: str) -> bool:
        """True when mail may be sent from this address by this person."""
        folded = address.casefold()
        return folded == self.address.casefold() or any(folded == alias.casefold() for alias in self.aliases)

    def is_called(self, name: str) -> bool:
        """True for one of this person's logins: what a client that proves them may want to act as (RFC 4422 section
        3.4.1)."""
        return name.casefold() == self.login.casefold() or self.owns(name)


class ListKind(StrEnum):
    """What a list's members are."""

    MANUAL = "manual"
    """Addresses, put in by hand."""
    LIVING = "living"
    """Whoever a query finds at the moment of delivery (`mailserver.model.selection`)."""
    FUNCTION = "function"
    """A functional box: whoever holds the function."""


class Writers(StrEnum):
    """Who may write to a list."""

    ANYONE = "anyone"
    HOUSE = "house"
    """People of this academy, who have logged in."""
    PERSONNEL = "personnel"
    """Teachers and staff."""
    STAFF = "staff"
    MEMBERS = "members"
    OWNERS = "owners"


class Answers(StrEnum):
    """Where an answer to a message of a list goes, unless its author said so already."""

    AUTHOR = "author"
    LIST = "list"
    OWNERS = "owners"


class Archive(StrEnum):
    """Who reads what a list has sent on, besides its owners."""

    NONE = "none"
    """Nobody: nothing is kept."""
    OWNERS = "owners"
    MEMBERS = "members"
    ACADEMY = "academy"
    """Everybody with an account here."""

    def includes(self, other: "Archive") -> bool:
        """Whether all whom the other lets read may read here, too."""
        order = list(Archive)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a list's owners decided about it."""

    writers: Writers = Writers.ANYONE
    named: frozenset[str] = frozenset()
    """Addresses that may write whatever `writers` says, unmoderated; folded. Another list's, too."""
    moderated: bool = False
    """What others write waits for an owner."""
    hidden_members: bool = False
    """Only owners see who is in it."""
    answers: Answers = Answers.AUTHOR
    ended: int = 0
    """Since when the list takes no more messages, of nobody (seconds since 1970); 0: it takes them."""
    may_leave: bool = False
    """Members outside leave by themselves."""
    as_list: bool = False
    """What leaves is always written in the list's name; else where the author's domain may have it refused."""
    max_size: int = 0
    """Octets of a message; 0: no bound of its own."""
    max_hourly: int = 0
    """Messages of an hour; 0: any number."""
    archive: Archive = Archive.NONE
    digest: bool = False
    """Who has not chosen gets a message a day."""


@dataclass(frozen=True, slots=True)
class Roster:
    """One list as delivery needs it: its policy, and its own members as they are now."""

    address: str
    name: str
    owners: tuple[str, ...] = ()
    """Addresses, folded."""
    policy: Policy = Policy()
    accounts: tuple[int, ...] = ()
    """Members who are known to take mail now."""
    inner: tuple[str, ...] = ()
    """Addresses of the lists directly within it."""
    others: tuple[str, ...] = ()
    """Addresses the directory did not look up, or does not know."""
    absent: tuple[int, ...] = ()
    """Members who take no mail now: they may write all the same."""
    kind: ListKind = ListKind.MANUAL
    box: int = 0
    """Of a functional box: the account that owns its mailboxes; 0: nothing was stored for it yet."""


@dataclass(frozen=True, slots=True)
class MailingList:
    """A distribution list: members are addresses, resolved at delivery."""

    address: str
    name: str
    members: tuple[str, ...]
    owner: str = ""
    owners: tuple[str, ...] = ()
    """Every owner's address, `owner` first."""


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What the academy knows of a person when it creates the account."""

    given_name: str
    surname: str
    role: Role
    birth_date: str = field(default="", repr=False)
    """ISO date or empty."""
    numen: str = field(default="", repr=False)
    ine: str = field(default="", repr=False)
    uai: str = ""
    discipline: str = ""
    login: str = ""
    """Wanted identifier; empty: issued by the rules."""
    recovery_address: str = ""
    title: str = ""
    """`M.` or `Mme`."""
    affiliations: tuple[Affiliation, ...] = ()
    hidden: bool = False
    """Shown in no address book (supannListeRouge)."""
    source: str = ""
    """The export that keeps this person up to date: `csv`, `aaf`; empty: by hand."""
    source_key: str = ""
    """The person's number in that export."""
    display_name: str = ""
    """Empty: follows from the names, as do `common_names`."""
    common_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What a change of a person's entry sets; None leaves a field as it is.

    A new name issues a new address and keeps the old one as an alias; the identifier never changes. Display name and
    common names follow a new name unless the change says them.
    """

    given_name: str | None = None
    surname: str | None = None
    role: Role | None = None
    uai: str | None = None
    discipline: str | None = None
    title: str | None = None
    hidden: bool | None = None
    affiliations: tuple[Affiliation, ...] | None = None
    """All of them: what is not here is no more."""
    extra: str | None = None
    """Further attributes of the entry, as JSON (`directory.entries.tree`)."""
    display_name: str | None = None
    """Empty: follows from the names, as do `common_names`."""
    common_names: tuple[str, ...] | None = None


class Directory(Protocol):
    """The port. `directory.people.embedded` (embedded) and `directory.ldap` (any LDAP server) implement it.

    Lookups return None for the unknown; they raise Temporary when the directory is out of reach.
    """

    read_only: bool
    """True when the directory belongs to somebody else: no issuing, no password change."""

    async def authenticate(self, login: str, secret: Secret) -> Principal | None:
        """The person if login (identifier or any address) and secret match, in equal time otherwise.

        Does not look at the account's state: `mailserver.login` does.
        """

    async def find(self, login: str) -> Principal | None:
        """A person by identifier or by any of their addresses."""

    async def by_account(self, account_id: int) -> Principal | None:
        """A person by our own account id."""

    async def expand(self, address: str) -> MailingList | None:
        """A distribution list by its address."""

    async def rosters(self, address: str) -> Sequence[Roster]:
        """The list of this address, then every list within it, each once; empty: no such list."""

    async def search(self, text: str, limit: int, viewer: Principal | None = None) -> Sequence[Principal]:
        """People whose name, identifier or address contains the text: the address book.

        Only those whom `viewer` may see (`mailserver.model.visibility`); None: the service itself, which sees all but
        the hidden and the closed.
        """

    async def of_school(self, uai: str) -> Sequence[Principal]:
        """Everybody of a school by name, the hidden and the closed too: for its secretariat."""

    async def administrators(self) -> Sequence[Principal]:
        """The people of role admin: `postmaster@` and `abuse@` deliver to them."""

    async def add(self, person: NewPerson, origin: Origin | None = None) -> Principal:
        """Create a person, issuing identifier and address; `origin` for the audit, None: the service itself. Raises
        Refused(CONFLICT | READ_ONLY_DIRECTORY)."""

    async def set_password(self, account_id: int, secret: Secret, version: int | None = None) -> None:
        """Set the password as it is (the rules bind what a person chooses, not the console). `version`: only while that
        is the account's login version, or Refused(AUTHENTICATION) is raised: whoever chooses proved that they may some
        time ago, and the account may have been taken back from them since.

        Records in the account that a password was chosen (`store.account.accounts.password_chosen`): a waiting account
        becomes active and its provisional secrets die. Raises Refused(NOT_FOUND | READ_ONLY_DIRECTORY).
        """

    async def change(self, account_id: int, change: PersonChange, origin: Origin | None = None) -> Principal:
        """Change a person's entry; `origin` for the audit, None: the service itself. Raises Refused(NOT_FOUND |
        READ_ONLY_DIRECTORY)."""

    async def remove(self, account_id: int) -> None:
        """Remove the entry of an account that is being erased, for good; of any other one nothing is removed.

        Raises Refused(READ_ONLY_DIRECTORY), Temporary.
        """

    def close(self) -> None:
        """Stop the adapter's threads and connections."""
