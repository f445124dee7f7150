"""The report: one page that holds everything a scale has, made from what exists."""
