"""Reads handwriting: a CNN looks at a line of ink, a bidirectional LSTM reads its columns, CTC turns them into text."""

__version__ = "0.1.0"
