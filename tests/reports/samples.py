"""Reports as real servers write them, and mail that brings them."""

import base64
import gzip
import io
import json
import time
import zipfile
from collections.abc import Sequence

DAY = 86400
TODAY = int(time.time()) // DAY * DAY
YESTERDAY = TODAY - DAY
DMARCBIS = ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"'


def record(
    address: str = "192.0.2.1",
    count: object = 3,
    *,
    dkim: str = "pass",
    spf: str = "pass",
    author: str = "ac-exemple.fr",
    disposition: str = "none",
    envelope: str = "ac-exemple.fr",
) -> str:
    """As RFC 7489 appendix C has it."""
    return f"""<record><row><source_ip>{address}</source_ip><count>{count}</count>
      <policy_evaluated><disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf></policy_evaluated>
      </row><identifiers><envelope_from>{envelope}</envelope_from><header_from>{author}</header_from></identifiers>
      <auth_results><dkim><domain>{author}</domain><selector>s1</selector><result>{dkim}</result></dkim>
      <spf><domain>{envelope}</domain><scope>mfrom</scope><result>{spf}</result></spf></auth_results></record>"""


def dmarc(
    *records: str,
    domain: str = "ac-exemple.fr",
    identifier: str = "rapport-1",
    begin: object = YESTERDAY,
    end: object = TODAY - 1,
    space: str = "",
    extra: str = "",
) -> bytes:
    """A whole report; `space` is what the root declares, `extra` stands before the records."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feedback{space}>
  <version>1.0</version>
  <report_metadata>
    <org_name>Boîte Postale</org_name><email>dmarc@boite.example</email>
    <report_id>{identifier}</report_id>
    <date_range><begin>{begin}</begin><end>{end}</end></date_range>
  </report_metadata>
  <policy_published>
    <domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>quarantine</p><sp>none</sp><pct>100</pct>
  </policy_published>{extra}
  {"".join(records or (record(),))}
</feedback>""".encode()


def moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def tls(changes: dict[str, object] | None = None, *, identifier: str = "tls-1", domain: str = "ac-exemple.fr") -> bytes:
    """As RFC 8460 appendix B has it."""
    report = {
        "organization-name": "Boîte Postale",
        "date-range": {"start-datetime": moment(YESTERDAY), "end-datetime": moment(TODAY - 1)},
        "contact-info": "sts@boite.example",
        "report-id": identifier,
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": ["version: STSv1", "mode: testing"],
                    "policy-domain": domain,
                    "mx-host": ["*.ac-exemple.fr"],
                },
                "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "2001:db8:abcd:12::1",
                        "receiving-mx-hostname": "mx1.ac-exemple.fr",
                        "failed-session-count": 100,
                    },
                    {
                        "result-type": "starttls-not-supported",
                        "sending-mta-ip": "2001:db8:abcd:13::1",
                        "receiving-mx-hostname": "mx2.ac-exemple.fr",
                        "receiving-ip": "203.0.113.56",
                        "failed-session-count": 200,
                    },
                ],
            }
        ],
    }
    return json.dumps({**report, **(changes or {})}).encode()


def zipped(octets: bytes, name: str = "r.xml", count: int = 1, kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", kind) as archive:
        for number in range(count):
            archive.writestr(f"{number or ''}{name}", octets)
    return held.getvalue()


def carrying(
    content: bytes, kind: str = "application/gzip", author: str = "dmarc@boite.example", before: Sequence[bytes] = ()
) -> bytes:
    """A message with an attachment."""
    head = (
        f"From: Boite <{author}>\r\nTo: dmarc@ac-exemple.fr\r\nSubject: Report domain: ac-exemple.fr\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is a report.\r\n"
    )
    part = (
        f"--b\r\nContent-Type: {kind}\r\nContent-Disposition: attachment; filename=r\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode()
    encoded = [part + base64.encodebytes(one).replace(b"\n", b"\r\n") for one in (*before, content)]
    return head.encode() + b"".join(encoded) + b"--b--\r\n"


def packed(octets: bytes) -> bytes:
    return gzip.compress(octets, mtime=0)
