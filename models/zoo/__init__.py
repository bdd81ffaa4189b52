"""The graphs, one file each: `build()` gives a keras.Model with named inputs and a dict of heads. Needs Keras."""
