"""Page -> text, JSON and other formats."""
