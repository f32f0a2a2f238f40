"""Train a model on line stores."""
