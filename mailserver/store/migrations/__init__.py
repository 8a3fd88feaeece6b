"""alembic's scripts: `env` connects them to a running upgrade, `versions` holds one file per revision."""
