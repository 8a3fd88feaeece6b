"""Sieve scripts of accounts: kept, checked, made active, and run for mail that arrives.

    sieve/    the language of scripts, without any input or output
    rules/    what people say in sentences, as values, and as Sieve
    documents the rules of an account, read and changed
    absences  whether an absence is on, and ending it
    trials    an absence tried out
    applying  rules and messages that have come already
    scripts   what every door that changes scripts asks (ManageSieve, the web, the command line)
    answers   what scripts of one's own answer, confirmed where that gives something away
    active    whose mail runs through which script, and scripts that were compiled
    owners    whose script it is: addresses, name, population
    host      what a running script may ask of its account
    running   what the scripts decide of one message

What becomes of the decisions is delivery's business (`mailserver.delivery.filtering.sorting`).
"""

from mailserver.filters.documents import Documents, Rules
from mailserver.filters.owners import Owner
from mailserver.filters.running import Arriving, Decision, Filters
from mailserver.filters.scripts import Scripts

__all__ = ["Arriving", "Decision", "Documents", "Filters", "Owner", "Rules", "Scripts"]
