"""How the shipped models were made; imported by nothing in the package.

`python -m recipes --data DIR --work DIR` runs every step in order:

face, voice, words      a folder for each modality's network; each also runs alone, `python -m recipes.face`
bundle                  detectors, fusion, record and card; the large model
studies                 measurements behind the recipes' choices
"""
