"""Makes artifacts: recipes, their data, and the training that turns both into a version in the store."""
