"""An instance moves to another database, and to other storage of its large messages: what is done, in which order.

**The order.** While the service goes on, files and rows are brought and compared, and a journal has the keys of those
that change (`store.moving.journal`). Once it is stopped, the database that is left gets a note
that it was moved, so that nothing opens it, and nobody can write to it any more; then what came since is brought, by
the journal and counted, or by reading and adding up every table at both ends. Numbers and foreign keys are set. If
something is amiss the note goes and everything is as before. Only when all agree the other database becomes the
instance, and the settings name it. A move that was killed is gone on with by the same command: before the note, the
service may go on meanwhile.
"""
