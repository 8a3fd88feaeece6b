"""Notes of a move, in tables that are no part of the schema: each is there only while, and where, it says something."""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

notes = MetaData()

moved_away = Table("moved_away", notes, Column("target", Text, nullable=False))
"""In a database that was moved: where to, without a password. It is served no more."""

moving_in = Table(
    "moving_in", notes, Column("instance", Text, nullable=False), Column("begun", BigInteger, nullable=False)
)
"""In a database that a move fills: whose it will be, and when it began. It is not served yet."""
