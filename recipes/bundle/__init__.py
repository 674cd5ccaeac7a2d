"""The shipped models: out-of-distribution detectors, product of experts, record and card, the large model.

`python -m recipes.bundle --data DIR --work DIR --out DIR` assembles them from the other recipes' results.
"""
