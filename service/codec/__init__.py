"""Wire to tensors and back: what a caller writes, checked against a signature."""
