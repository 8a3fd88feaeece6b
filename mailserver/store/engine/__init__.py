"""The database: engines, connections, units and their groups, statements, news, migrations."""
