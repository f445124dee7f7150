"""From batches to weights: one loop for every method."""
