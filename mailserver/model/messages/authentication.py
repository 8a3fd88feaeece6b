"""What was found out about who really sent a message from outside: SPF, DKIM, DMARC, ARC and reverse DNS, as one value.

The store keeps it in one small number beside the message (`message.authentication`). Nothing reads it back out of
octets: an `Authentication-Results` field is a text for other programs, which anybody who appends may write.
"""

from dataclasses import dataclass, replace
from enum import IntEnum


class Outcome(IntEnum):
    """Of SPF (RFC 7208 section 2.6) or DKIM (RFC 8601 section 2.7.1). The numbers stand in the store."""

    NOT_CHECKED = 0
    NONE = 1
    PASS = 2
    FAIL = 3
    SOFTFAIL = 4
    """Of DKIM: `policy`, a signature that is valid and not good enough."""
    NEUTRAL = 5
    TEMPERROR = 6
    PERMERROR = 7


class Alignment(IntEnum):
    """Whether the author's domain stands behind the message (DMARC, RFC 7489). The numbers stand in the store."""

    NOT_CHECKED = 0
    NONE = 1
    """The domain publishes no policy, and nothing shows that it sent this."""
    PASS = 2
    FAIL = 3
    """The domain publishes a policy, and the message does not meet it."""
    SIGNED = 4
    """The domain publishes no policy; its SPF or its signature shows that it sent this."""
    EXCUSED = 5
    """It fails, and somebody who is trusted here changed it on its way: a known list, a sealer (RFC 8617)."""
    TEMPERROR = 6
    PERMERROR = 7


class Chain(IntEnum):
    """Of ARC (RFC 8617). The numbers stand in the store."""

    NONE = 0
    PASS = 1
    FAIL = 2


class Reverse(IntEnum):
    """Of the peer's name (iprev, RFC 8601 section 2.7.3). The numbers stand in the store."""

    NOT_CHECKED = 0
    PASS = 1
    FAIL = 2
    TEMPERROR = 3


_QUARANTINED = 1 << 13
_ONE_CLICK = 1 << 14


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """Of one message; without a word of it, nobody looked."""

    spf: Outcome = Outcome.NOT_CHECKED
    dkim: Outcome = Outcome.NOT_CHECKED
    """The best of its signatures."""
    dmarc: Alignment = Alignment.NOT_CHECKED
    arc: Chain = Chain.NONE
    iprev: Reverse = Reverse.NOT_CHECKED
    quarantined: bool = False
    """The author's domain asks that it be put aside (RFC 7489 section 6.3)."""
    one_click: bool = False
    """A valid signature covers the way to unsubscribe (RFC 8058 section 4)."""

    @property
    def packed(self) -> int:
        """As the store keeps it."""
        number = self.spf | self.dkim << 3 | self.dmarc << 6 | self.arc << 9 | self.iprev << 11
        return number | _QUARANTINED * self.quarantined | _ONE_CLICK * self.one_click

    @classmethod
    def stored(cls, number: int) -> "AuthenticationResults":
        """From the column of the store."""
        if not number:
            return NOT_CHECKED
        chain = number >> 9 & 3
        return cls(
            Outcome(number & 7),
            Outcome(number >> 3 & 7),
            Alignment(number >> 6 & 7),
            Chain(chain) if chain in Chain.__members__.values() else Chain.NONE,
            Reverse(number >> 11 & 3),
            bool(number & _QUARANTINED),
            bool(number & _ONE_CLICK),
        )

    @property
    def checked(self) -> bool:
        """Somebody looked."""
        return self.dmarc is not Alignment.NOT_CHECKED

    @property
    def authenticated(self) -> bool:
        """The author's domain stands behind it: who borrows an address does not get here."""
        return self.dmarc in (Alignment.PASS, Alignment.SIGNED)

    @property
    def vouched(self) -> bool:
        """Some domain answers for it, be it the author's or not, and its author's does not want it put aside."""
        return (self.authenticated or Outcome.PASS in (self.spf, self.dkim)) and not self.quarantined

    @property
    def suspect(self) -> bool:
        """It is known not to come from where it says, or does not say so in a way that all would read alike."""
        return self.dmarc in (Alignment.FAIL, Alignment.PERMERROR) or (
            self.spf is Outcome.FAIL and self.dmarc is Alignment.NONE
        )

    @property
    def doubtful(self) -> bool:
        """Something speaks against its sender: an answer may go to somebody who never wrote (RFC 3834 section 5)."""
        return self.quarantined or self.spf in (Outcome.FAIL, Outcome.SOFTFAIL) or self.dmarc is Alignment.FAIL

    @property
    def of_changed(self) -> "AuthenticationResults":
        """What still holds once somebody has changed the header: nothing that speaks for it."""
        dkim = Outcome.NONE if self.dkim is Outcome.PASS else self.dkim
        if not self.authenticated:
            return replace(self, dkim=dkim, arc=Chain.NONE, one_click=False)
        return AuthenticationResults(
            Outcome.NEUTRAL, dkim, Alignment.NONE, iprev=self.iprev, quarantined=self.quarantined
        )


NOT_CHECKED = AuthenticationResults()
