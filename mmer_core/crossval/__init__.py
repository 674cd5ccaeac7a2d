"""Cross-validation: folds of unseen groups, selection on validation groups, out-of-fold predictions."""
