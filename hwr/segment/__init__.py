"""Page image -> lines in reading order."""
