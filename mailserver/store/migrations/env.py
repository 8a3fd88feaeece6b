"""alembic's entry point: runs the revisions over the connection handed by `mailserver.store.engine.migrate`."""

from alembic import context

from mailserver.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
