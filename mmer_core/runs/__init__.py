"""Cross-validation runs on disk: written, read, summarised, compared."""
