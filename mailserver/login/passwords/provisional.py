"""What opens an account whose password is not known yet or no more: NUMEN and birth date, or a one-time code.

Pure: the facts of the account, what was typed, and the time. Every comparison takes the same time, and unknown
accounts are compared, too.

The right NUMEN alone proves nothing where a birth date is known. A door that says "activate first" to it tells its
holder only what they hold: with 10^9 possible NUMEN a year and an account that slows down after ten guesses, nobody
learns one there, and the birth date is still asked.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from mailserver.model.credentials.proofs import Proofs, parse_date, same
from mailserver.model.credentials.sasl import Secret
from mailserver.store.account.accounts import Marks, Standing

NOBODY = Marks()


class Proof(Enum):
    """What was proven."""

    NOTHING = auto()
    HALF = auto()
    """The NUMEN is right, the birth date has yet to be told."""
    WHOLE = auto()


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody typed."""

    secret: Secret
    birth_date: str = field(default="", repr=False)


def judge(standing: Standing | None, claim: Claim, proofs: Proofs, now: float) -> Proof:
    """How much a claim proves about an account; None is nobody's."""
    text = claim.secret.reveal()
    marks = standing.marks if standing is not None else NOBODY
    is_numen = same(marks.numen, proofs.numen(text))
    is_right_code = is_code(standing, claim.secret, proofs, now)
    is_born = same(marks.birth_date, proofs.birth_date(parse_date(claim.birth_date)))
    if standing is None:
        return Proof.NOTHING
    contradicts = bool(claim.birth_date.strip()) and marks.birth_date is not None and not is_born
    if is_right_code:
        return Proof.NOTHING if contradicts else Proof.WHOLE
    if not is_numen or standing.activated or contradicts:
        return Proof.NOTHING
    return Proof.WHOLE if is_born or marks.birth_date is None else Proof.HALF


def is_code(standing: Standing | None, code: Secret, proofs: Proofs, now: float) -> bool:
    """True for the one-time code of a letter while it is good."""
    right = same(standing.code if standing is not None else None, proofs.code(code.reveal()))
    return right and standing is not None and standing.code_expires > now


def is_recovery(standing: Standing | None, code: Secret, proofs: Proofs, now: float) -> bool:
    """True for the code of a forgotten password that was sent to the account's private address and is fresh."""
    right = same(standing.recovery_code if standing is not None else None, proofs.recovery(code.reveal()))
    return right and standing is not None and standing.recovery_expires > now
