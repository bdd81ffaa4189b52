"""What a model is: its signature, its preprocessing and its artifact on disk."""
