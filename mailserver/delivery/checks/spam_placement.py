"""Which copies of a delivery go to Spam: by the sender's policy, by a blocklist, or for those to whom it is junk."""

from collections.abc import Mapping
from dataclasses import replace

from mailserver.delivery.envelope import Envelope, Part
from mailserver.delivery.placement import SPAM
from mailserver.delivery.recipients import is_role
from mailserver.store.mail.junk import Source, Verdict


def spared(envelope: Envelope) -> set[int]:
    """Who gets it as `postmaster@` or `abuse@`: nothing that goes there is junk."""
    return {account for one in envelope.recipients if is_role(one.address) for account in one.accounts}


def by_policy(part: Part, spared: set[int], listed: Verdict | None) -> Part:
    """The part in the Spam folder of those who get it, but for some; a notice of ours stays as it is."""
    verdict = Verdict(Source.POLICY, 0, 0) if part.provenance.results.quarantined else listed
    if verdict is None or part.only_if_held:
        return part
    aside = [account for account in part.accounts if account not in spared]
    verdicts = dict.fromkeys(aside, verdict)
    return replace(part, placements=dict.fromkeys(aside, (SPAM,)), verdicts=verdicts)


def getting(part: Part) -> tuple[int, ...]:
    """Who gets a copy now, or by the digest of a list."""
    return part.accounts + part.digest.accounts if part.digest is not None else part.accounts


def at_once(part: Part, verdicts: Mapping[int, Verdict]) -> Part:
    """What waits for a digest, without those to whom it is junk: they get it now, since a digest would vouch for it."""
    digest = part.digest
    if digest is None or verdicts.keys().isdisjoint(digest.accounts):
        return part
    now = tuple(account for account in digest.accounts if account in verdicts)
    left = replace(digest, accounts=tuple(account for account in digest.accounts if account not in verdicts))
    return replace(part, accounts=part.accounts + now, digest=left if left.accounts or left.outside else None)


def as_junk(part: Part, verdicts: Mapping[int, Verdict]) -> Part:
    """A copy that goes to the Spam of those to whom it is junk."""
    mine = {account: verdicts[account] for account in part.accounts if account in verdicts}
    if not mine or part.only_if_held:
        return part
    return replace(
        part, placements={**dict.fromkeys(mine, (SPAM,)), **part.placements}, verdicts={**mine, **part.verdicts}
    )
