"""Where versions are: what stands in the store, which of it is wanted, and what each version is doing."""
