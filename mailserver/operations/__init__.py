"""An instance as its operators see it: made, examined, backed up, restored in part, moved."""
