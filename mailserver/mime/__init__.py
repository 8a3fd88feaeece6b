"""Messages: read once, without ever changing an octet, and written by one serialiser.

Theory of operation. A message arrives as octets and stays those octets. `scan` reads it once, at delivery:
`parser` finds every part by offset in one pass, `body_structure` and `envelope` write what IMAP will be asked for,
`structure` packs the tree. After that nobody parses again: a FETCH sends stored values and slices of the
octets, the web reads parts by offset.

Rules:

* No input raises, but in `header_limit` and `originators`, which judge what a door is asked to take. Mail that breaks
  the rules is read as far as it makes sense; each module says how.
* The cost is linear in the octets. Depth, parts, header lines, parameters, addresses are bounded; every bound
  is a named constant with a test.
* Offsets count from the start of the whole message.
* What is rendered for IMAP is 7-bit and legal whatever came in (`scanning.international` leaves UTF-8, for whoever
  takes it). What is decoded for people has no control characters, no lone surrogates and no NUL, so that a page and a
  database can hold it.
* The standard library's `email` is not used for reading: it is slow, and it raises.
* Nothing here does input or output. Time and message ids of new messages are arguments.

* `header/`: fields as octet ranges (`headers`) and the small grammars of what they say; `originators` reads strictly
  who a message says it is from. `listed_fields` are those that lists show; `casemap`, `subjects`, `sort_keys`: what
  messages are sorted and threaded by.
* `body/`: the scan (`scanning` and what it calls). `bodies`: which parts are the text that people read; `text`: words
  for search, previews, and the form in which texts are compared; `folded_fields`: header fields in it.
* `writing/`: new messages (`compose`), reports (`dsn`), receipts (`mdn`), answers (`replies`), the fields on top of
  what arrives (`trace_fields`); `binary`: what is written anew because it has NUL.
"""

from mailserver.mime.body.scanning import Scan, scan
from mailserver.mime.body.structure import Part, unpack

__all__ = ["Part", "Scan", "scan", "unpack"]
