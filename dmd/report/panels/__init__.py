"""Figures that look into trained networks."""
