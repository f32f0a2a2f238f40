"""Model + line store -> figures."""
