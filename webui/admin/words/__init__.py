"""What the console says of what is on record: why an import refused, what it changed, who was given which right."""
