"""The field TLS-Required (RFC 8689 section 5): to its author it matters more that it arrives than who reads it."""

from mailserver.mime.header import header_limit, headers


def says_no(octets: bytes) -> bool:
    """Whether what the servers of recipients demand of TLS does not count for a message; said twice it is not said."""
    end = header_limit.end(octets, headers.MAX_HEADER)
    found = list(headers.named(octets, 0, end, "tls-required")) if end > 0 else []
    if len(found) != 1:
        return False
    return headers.unfold(octets[found[0].value : found[0].end]).lower() == b"no"
