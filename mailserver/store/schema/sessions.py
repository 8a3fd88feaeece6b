"""Browser sessions and what a browser session keeps."""
