"""The shipped voice network: recordings of six corpora, training, speakers and corpora left out, figures.

`python -m recipes.voice --data DIR --work DIR` trains it.
"""
