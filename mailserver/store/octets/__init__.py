"""Where the files of large messages lie: one interface (`files`), a disk, and object storage."""
