"""Attributes of people: allowed by the classes of their entries, and told to whoever reads the directory."""

from directory.entries.person_attributes import EXPIRING_CLASS, EXTRA, MADE, PERSON_CLASSES, TIED
from directory.schema.definitions import ARC, ATTRIBUTES, CLASSES
from tests.hatchery import ROOT


def test_every_attribute_of_people_is_allowed_by_a_class_of_theirs() -> None:
    """An LDAP server of the academy's own refuses an entry with any other."""
    classes = {known.name: known for known in CLASSES}
    allowed = {name for one in (*PERSON_CLASSES, EXPIRING_CLASS) for name in (*classes[one].must, *classes[one].may)}
    operational = {known.name for known in ATTRIBUTES if known.operational}
    assert {*EXTRA, *MADE, *TIED} - allowed - operational == set()


def test_every_attribute_of_ours_is_explained_in_the_readme() -> None:
    said = (ROOT / "directory" / "README.md").read_text()
    assert [known.name for known in ATTRIBUTES if known.oid.startswith(ARC) and f"`{known.name}`" not in said] == []
