"""Data from elsewhere -> line store."""
