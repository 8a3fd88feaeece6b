"""What the door promises: each capability, where it is fulfilled, and when it is announced."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from imap.session.states import AFTER_LOGIN, ANY, BEFORE_LOGIN, State
from mailserver.foundation.settings import Limits


class Circumstances(Protocol):
    """What a session says that decides what is announced to it."""

    @property
    def may_start_tls(self) -> bool: ...

    @property
    def may_log_in(self) -> bool: ...

    @property
    def may_prove(self) -> bool: ...

    @property
    def may_compress(self) -> bool: ...

    @property
    def limits(self) -> Limits: ...


@dataclass(frozen=True, slots=True)
class Capability:
    """A promise: its name, the RFC that defines it, where it is fulfilled."""

    name: str
    rfc: int
    module: str
    states: frozenset[State] = ANY
    when: Callable[[Circumstances], bool] = lambda session: True
    value: Callable[[Circumstances], int] | None = None
    """Of a capability that is announced with a number."""

    def announce(self, session: Circumstances) -> str:
        return self.name if self.value is None else f"{self.name}={self.value(session)}"


CAPABILITIES = (
    Capability("IMAP4rev1", 3501, "imap.commands"),
    Capability("IMAP4rev2", 9051, "imap.session.session"),
    Capability("LITERAL+", 7888, "imap.wire.framing"),
    Capability("SASL-IR", 4959, "imap.commands.basic"),
    Capability("STARTTLS", 3501, "imap.commands.basic", BEFORE_LOGIN, lambda session: session.may_start_tls),
    Capability("LOGINDISABLED", 3501, "imap.commands.basic", BEFORE_LOGIN, lambda session: not session.may_log_in),
    Capability("AUTH=PLAIN", 4616, "imap.commands.basic", BEFORE_LOGIN, lambda session: session.may_log_in),
    Capability("AUTH=LOGIN", 3501, "imap.commands.basic", BEFORE_LOGIN, lambda session: session.may_log_in),
    Capability("AUTH=SCRAM-SHA-256", 7677, "imap.commands.basic", BEFORE_LOGIN, lambda session: session.may_prove),
    Capability("ID", 2971, "imap.commands.basic"),
    Capability("ENABLE", 5161, "imap.commands.basic"),
    Capability("IDLE", 2177, "imap.commands.idle"),
    Capability(
        "COMPRESS=DEFLATE",
        4978,
        "imap.commands.basic",
        AFTER_LOGIN,
        lambda session: session.may_compress,
    ),
    Capability("UNAUTHENTICATE", 8437, "imap.commands.basic", AFTER_LOGIN),
    Capability("NAMESPACE", 2342, "imap.commands.folders"),
    Capability("CHILDREN", 3348, "imap.commands.folders"),
    Capability("LIST-EXTENDED", 5258, "imap.commands.folders"),
    Capability("LIST-STATUS", 5819, "imap.commands.folders"),
    Capability("SPECIAL-USE", 6154, "imap.commands.folders"),
    Capability("CREATE-SPECIAL-USE", 6154, "imap.commands.folders"),
    Capability("UNSELECT", 3691, "imap.commands.selection"),
    Capability("UIDPLUS", 4315, "imap.commands.change"),
    Capability("MULTIAPPEND", 3502, "imap.commands.change"),
    Capability("MOVE", 6851, "imap.commands.change"),
    Capability("ESEARCH", 4731, "imap.commands.search"),
    Capability("SEARCHRES", 5182, "imap.commands.search"),
    Capability("WITHIN", 5032, "imap.commands.search"),
    Capability("PARTIAL", 9394, "imap.commands.search"),
    Capability("MULTISEARCH", 7377, "imap.commands.multisearch"),
    Capability("I18NLEVEL=1", 5255, "imap.commands.order"),
    Capability("SORT", 5256, "imap.commands.order"),
    Capability("SORT=DISPLAY", 5957, "imap.commands.order"),
    Capability("THREAD=REFERENCES", 5256, "imap.commands.order"),
    Capability("THREAD=ORDEREDSUBJECT", 5256, "imap.commands.order"),
    Capability("ESORT", 5267, "imap.commands.order"),
    Capability("CONTEXT=SEARCH", 5267, "imap.search.contexts"),
    Capability("CONTEXT=SORT", 5267, "imap.search.contexts"),
    Capability("CONDSTORE", 7162, "imap.commands.fetch"),
    Capability("QRESYNC", 7162, "imap.commands.fetch"),
    Capability("UIDONLY", 9586, "imap.commands"),
    Capability("INPROGRESS", 9585, "imap.connection.protocol"),
    Capability(
        "MESSAGELIMIT",
        9738,
        "imap.session.message_limit",
        value=lambda session: session.limits.command_messages,
    ),
    Capability("STATUS=SIZE", 8438, "imap.commands.folders"),
    Capability("QUOTA", 9208, "imap.commands.quota"),
    Capability("QUOTA=RES-STORAGE", 9208, "imap.commands.quota"),
    Capability("QUOTA=RES-MESSAGE", 9208, "imap.commands.quota"),
    Capability("ACL", 4314, "imap.commands.rights"),
    Capability("RIGHTS=texk", 4314, "imap.commands.rights"),
    Capability("NOTIFY", 5465, "imap.commands.notify"),
    Capability("METADATA", 5464, "imap.commands.metadata"),
    Capability("LIST-METADATA", 9590, "imap.commands.folders"),
    Capability("LIST-MYRIGHTS", 8440, "imap.commands.folders"),
    Capability("OBJECTID", 8474, "imap.commands.folders"),
    Capability("UTF8=ACCEPT", 9755, "imap.session.session"),
    Capability("BINARY", 3516, "imap.commands.fetch"),
    Capability("REPLACE", 8508, "imap.commands.replacing"),
    Capability("SAVEDATE", 8514, "imap.commands.fetch"),
    Capability("PREVIEW", 8970, "imap.commands.fetch"),
    Capability(
        "APPENDLIMIT",
        7889,
        "imap.commands.folders",
        value=lambda session: session.limits.message_size,
    ),
)

ENABLES = frozenset({"CONDSTORE", "IMAP4rev2", "METADATA", "QRESYNC", "UIDONLY", "UTF8=ACCEPT"})
"""What ENABLE can turn on (RFC 5161 section 3.1)."""
