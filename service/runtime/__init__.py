"""How one model runs: the only package of the service that knows TensorFlow."""

import os

# Read once, by the first import of TensorFlow or Keras: no banner, no informational lines, one backend.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
