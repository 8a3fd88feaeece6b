"""Collections of events, tasks and contacts, their items and their sync history."""
