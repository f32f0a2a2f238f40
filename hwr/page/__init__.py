"""Pages, their regions, lines and words, and their geometry."""
