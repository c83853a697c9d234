"""Training: objectives, data, compiled steps and the one pass over the data."""
