"""Runs mirrored in MLflow: a view of their files, never in the way of the science."""
