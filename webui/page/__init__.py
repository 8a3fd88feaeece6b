"""What every page is made with: its request's context, templates, languages, the shell around mail, faults."""
