"""The agendas of one person as a whole: reminders, what an invitation meets, whom one meets next, where a task goes."""
