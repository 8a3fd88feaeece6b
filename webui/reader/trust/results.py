"""What was found out about who sent a message, in the words of its field (RFC 8601), for whoever opens the details."""

from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Chain, Outcome, Reverse

_ALIGNMENT = {Alignment.SIGNED: "none", Alignment.EXCUSED: "fail"}


def in_short(results: AuthenticationResults) -> str:
    """`SPF pass, DKIM pass, DMARC pass`; empty: nobody looked."""
    if not results.checked:
        return ""
    dkim = "policy" if results.dkim is Outcome.SOFTFAIL else results.dkim.name.lower()
    found = {
        "SPF": results.spf.name.lower(),
        "DKIM": dkim,
        "DMARC": _ALIGNMENT.get(results.dmarc, results.dmarc.name.lower()),
        "ARC": "" if results.arc is Chain.NONE else results.arc.name.lower(),
        "DNS": "" if results.iprev is Reverse.NOT_CHECKED else results.iprev.name.lower(),
    }
    return ", ".join(f"{name} {result}" for name, result in found.items() if result)
