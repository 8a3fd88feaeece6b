"""Who asks for something, as the audit names them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, from where, through which door."""

    actor: str
    service: str
    peer: str = ""
    account_id: int = 0
    """Of whoever is logged in, where what they ask for may not come behind the end of their logins; 0: it may."""
    login_version: int = 0
    """Of that account, when they were let in (`store.account.accounts.still_in`)."""
