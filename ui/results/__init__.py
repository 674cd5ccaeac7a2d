"""Cross-validation runs: the table, one in full, several against each other."""
