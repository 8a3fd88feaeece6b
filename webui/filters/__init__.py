"""The filter of somebody's mail, as pages: rules, the absence message, and where mail is sent on to."""
