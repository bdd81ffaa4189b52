"""Runs artifacts: a model server for Keras models with many inputs and many outputs."""
