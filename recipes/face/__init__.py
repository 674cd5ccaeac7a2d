"""The shipped face networks: FER2013, published weights to start from, training, evaluation.

`python -m recipes.face --data DIR --work DIR` trains them.
"""
