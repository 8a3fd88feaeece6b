"""Aggregate reports of other servers: taken out of the mail that brings them, read, and kept.

DMARC (RFC 7489 section 7.2, RFC 9990) says who sends mail in our name, TLS-RPT (RFC 8460) whether mail comes to us
under TLS. Mail to the addresses in `[reports]` waits in the store (`store.reports.waiting`) until
`reading.ReportReader` has read it; what it says is in `store.reports.received`.

Modules: `attachments` (octets out of a message or a file), `dmarc_xml` and `tls_json` (octets to values), `reading`
(the work in the background, and files by hand).
"""
