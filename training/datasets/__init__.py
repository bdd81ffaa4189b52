"""Where examples come from: seeded synthetic sources and readers of real formats. No TensorFlow."""
