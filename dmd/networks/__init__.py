"""Networks in composable parts."""
