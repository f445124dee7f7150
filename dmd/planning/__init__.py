"""From YAML to runs with stable names; no torch, nothing trained."""
