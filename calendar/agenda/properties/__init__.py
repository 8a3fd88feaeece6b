"""Properties of collections: ours, those that clients set, those that they may not."""
