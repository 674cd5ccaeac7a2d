"""The shipped voice network: RAVDESS, EMO-DB and TESS, folds by speaker, training, figures.

`python -m recipes.voice --data DIR --work DIR` trains it.
"""
