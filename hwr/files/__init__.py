"""Bytes on disk: atomic writes, images, documents, text files."""
