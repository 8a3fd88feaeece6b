"""What surrounds a page: the applications, the folders, the menu of the settings."""
