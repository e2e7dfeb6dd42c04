"""What several kinds of tests share: nodes, directories, servers that are really there."""
