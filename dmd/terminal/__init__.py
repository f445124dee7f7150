"""What people read on the terminal: plan, run, comparison, cost."""
