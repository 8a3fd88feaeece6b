"""The life of accounts: what the calendar does to them, what people are told, what is left when they are gone."""
