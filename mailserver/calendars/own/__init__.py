"""The agendas of one person as a whole: events, tasks, reminders, times that several people have free."""
