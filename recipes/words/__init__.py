"""The shipped text networks: MELD and GoEmotions, adapters on sentence encoders, phrases, distillation.

`python -m recipes.words --data DIR --work DIR` trains them; with `--more` they go on learning from more
corpora.
"""
