"""The calendars themselves: made, renamed, coloured, subscribed to, files in and out."""
