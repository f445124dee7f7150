"""One module per data set: where its scans lie and how they are read."""
