"""The report that this service sends to a domain (RFC 7489 section 7.2 and appendix C): the XML, and the mail. Pure.

In the form of RFC 7489, which every reader of reports knows and which has `pct`; that of RFC 9990 says the same.
"""

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from mailserver import __version__
from mailserver.mime.writing import compose
from mailserver.mime.writing.compose import Attachment, NewMessage
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.clock import DAY
from mailserver.model.observations import Observed
from mailserver.reports import outgoing_report
from mailserver.reports.outgoing_report import Reporter, Written


def write(reporter: Reporter, domain: str, day: int, seen: Sequence[tuple[Observed, int]]) -> Written:
    """What was seen of a domain on a day. CPU grows with its rows: call it in a thread."""
    root = Element("feedback")
    _put(root, version="1.0")
    metadata = SubElement(root, "report_metadata")
    _put(metadata, org_name=reporter.name, email=reporter.address)
    _put(
        metadata,
        extra_contact_info=f"mailserver {__version__}",
        report_id=outgoing_report.identifier(reporter, domain, day),
    )
    _put(SubElement(metadata, "date_range"), begin=str(day), end=str(day + DAY - 1))
    published = SubElement(root, "policy_published")
    # Of a policy that changed meanwhile the one that most messages met.
    _put(published, domain=domain, **dict(seen[0][0].published))
    for one, count in seen:
        _record(SubElement(root, "record"), one, count)
    octets: bytes = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    return outgoing_report.packed(reporter, domain, day, octets, ".xml.gz")


def _record(record: Element, one: Observed, count: int) -> None:
    row = SubElement(record, "row")
    _put(row, source_ip=one.source, count=str(count))
    evaluated = SubElement(row, "policy_evaluated")
    _put(evaluated, disposition=one.disposition, dkim=_word(one.dkim), spf=_word(one.spf))
    if one.reason:
        _put(SubElement(evaluated, "reason"), type=one.reason)
    _put(SubElement(record, "identifiers"), envelope_from=one.envelope, header_from=one.author)
    results = SubElement(record, "auth_results")
    for domain, selector, result in one.signatures:
        _put(SubElement(results, "dkim"), domain=domain, selector=selector, result=result)
    domain, scope, result = one.sender
    _put(SubElement(results, "spf"), domain=domain, scope=scope, result=result)


def _word(passed: bool) -> str:
    return "pass" if passed else "fail"


def _put(parent: Element, **texts: str) -> None:
    """Children with these texts. What XML cannot say is a question mark."""
    for name, text in texts.items():
        SubElement(parent, name).text = "".join(character if character.isprintable() else "?" for character in text)


def mail(reporter: Reporter, report: Written, to: str, *, token: bytes, now: float) -> bytes:
    """The message that brings a report (RFC 7489 section 7.2.1.1)."""
    attachment = Attachment(report.filename(reporter), "application/gzip", report.packed)
    message = NewMessage(
        Correspondent(reporter.name, reporter.address),
        now,
        compose.message_id(token, reporter.domain),
        (Correspondent("", to),),
        subject=report.subject(reporter),
        text=f"This is an aggregate report of {reporter.domain} about mail in the name of {report.domain}.\n",
        attachments=(attachment,),
        more=(("Auto-Submitted", "auto-generated"),),
    )
    return compose.build(message)
