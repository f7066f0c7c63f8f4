"""Learning: from the store to a model, and from a model to figures. Importing this package does not import torch."""
