"""One room for each service, with the same file names in each. They meet on the wire only."""
