"""Cross-validation: folds of unseen groups, selection on inner groups, out-of-fold predictions."""
