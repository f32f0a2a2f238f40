"""A page, its regions, lines and words, and their geometry."""
