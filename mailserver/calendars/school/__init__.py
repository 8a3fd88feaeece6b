"""What schools bring to an agenda: classes, holidays, the hours at which nobody is disturbed."""
