"""From weights to scores: segment the test cases and measure the masks."""
