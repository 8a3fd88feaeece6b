"""Houses of the SMTP tests, with lists in them."""

from tests.smtp.conftest import instance_template, make_house

__all__ = ["instance_template", "make_house"]
