"""Where a message comes from, and what a careful reader would notice about it."""
