"""Houses as the SMTP tests have them, and a directory of somebody else."""

from tests.directory.conftest import openldap
from tests.smtp.conftest import instance_template, make_house

__all__ = ["instance_template", "make_house", "openldap"]
