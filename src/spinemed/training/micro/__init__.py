"""The `micro` model: a vision-language model of 1.4 million weights, taught from nothing on phantoms.

`python -m spinemed.training.micro --help` says how it is made; the four steps have one module each.
"""
