"""Data sets: reading, preparing, checking, batching."""
