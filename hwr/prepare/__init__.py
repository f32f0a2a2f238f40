"""Outside data -> line store."""
