"""Houses, as the SMTP tests have them."""

from tests.smtp.conftest import instance_template, make_house

__all__ = ["instance_template", "make_house"]
