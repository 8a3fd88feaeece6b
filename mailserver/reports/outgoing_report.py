"""What every report that this service sends about a domain and a day has: who reports, its name, its file. Pure."""

import gzip
from dataclasses import dataclass

from mailserver.model.clock import DAY


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports: the academy's name, its domain, and whom to write to."""

    name: str
    domain: str

    @property
    def address(self) -> str:
        return f"postmaster@{self.domain}"


@dataclass(frozen=True, slots=True)
class Written:
    """A report that was written."""

    domain: str
    day: int
    identifier: str
    packed: bytes
    ending: str
    """Of its file's name."""

    def filename(self, reporter: Reporter) -> str:
        """RFC 7489 section 7.2.1.1, RFC 8460 section 5.1."""
        return f"{reporter.domain}!{self.domain}!{self.day}!{self.day + DAY - 1}{self.ending}"

    def subject(self, reporter: Reporter) -> str:
        """Of the mail that brings it, in the words of both."""
        return f"Report Domain: {self.domain} Submitter: {reporter.domain} Report-ID: <{self.identifier}>"


def identifier(reporter: Reporter, domain: str, day: int) -> str:
    return f"{day}.{domain}@{reporter.domain}"


def packed(reporter: Reporter, domain: str, day: int, octets: bytes, ending: str) -> Written:
    """The same whoever packs it again."""
    return Written(domain, day, identifier(reporter, domain, day), gzip.compress(octets, mtime=0), ending)
