"""What several methods have in common; no method by itself."""
