"""SMTP on the wire, without any input or output: lines and data cut, commands parsed, replies written."""
