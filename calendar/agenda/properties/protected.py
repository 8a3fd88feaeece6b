"""Properties that are not a client's to set: they say what is there (RFC 4918 section 15, RFC 4791 section 5.2)."""

from typing import Final

from radicale import xmlutils

_NAMES: Final = {
    "D": (
        "acl acl-restrictions alternate-URI-set creationdate current-user-principal current-user-privilege-set "
        "getcontentlength getcontenttype getetag getlastmodified group group-member-set group-membership "
        "inherited-acl-set lockdiscovery owner principal-collection-set principal-URL quota-available-bytes "
        "quota-used-bytes supportedlock supported-method-set supported-privilege-set supported-report-set sync-token"
    ),
    "C": (
        "calendar-home-set calendar-user-address-set max-attendees-per-instance max-date-time max-instances "
        "max-resource-size min-date-time supported-calendar-component-set supported-calendar-data "
        "supported-collation-set"
    ),
    "CR": "addressbook-home-set max-resource-size supported-address-data supported-collation-set",
    "CS": "getctag",
}
PROTECTED: Final = frozenset(
    xmlutils.make_clark(f"{space}:{name}") for space, names in _NAMES.items() for name in names.split()
)
