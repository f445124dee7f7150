"""From runs to tables and pictures."""
