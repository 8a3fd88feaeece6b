"""The SMTP doors: exchange, submission, LMTP; and the relay that empties the outgoing queue.

Theory of operation. aiosmtpd gives the shape of a connection (its protocol class, its session and envelope,
one method per command); the reading of octets is ours, because its loop reads line by line. `framing` cuts
what arrives into lines, content and chunks; `grammar` makes frozen values of MAIL, RCPT and BDAT; `conversation`
has the commands and calls a role (`exchange`, `submission`) that knows whom to ask: the one way in is
`mailserver.delivery`, the one way out `mailserver.outbound.submission.submit`, passwords go to `mailserver.login`.

Rules:

* Only CRLF ends a line, only CRLF.CRLF ends DATA (RFC 5321 section 2.3.8). A message with a bare CR or LF, or with
  NUL, is refused whole, by DATA and by BDAT: what we would repair, the next server may read otherwise.
* 250 after the message means that its transaction is committed and synced.
* Whatever was accepted at RCPT is delivered, to all recipients in one transaction, or the whole message is
  refused; LMTP repeats that one answer for each recipient.
* Replies wait in memory while further commands are at hand and leave in one write (RFC 2920).
* Nothing that came before TLS acts after it (RFC 3207 section 4.2).
* Every buffer, count and time has a bound, a named constant or a setting, with a test.
* Each refusal is a `Reason`; `replies` holds the one table from reasons to codes.
* A conversation is never cancelled within a delivery: a peer that goes away early changes nothing.

The relay (`relay`: `queue_runner`, which has a `delivery_agent` for each row) leases rows of the queue, so several
workers share it; it sends at least once, never loses, and reports what failed to whoever sent it, but never reports on
a report.

Not here: SQL, MIME, who may send what. Not offered: VRFY, EXPN, BINARYMIME, AUTH on the exchange.
"""
