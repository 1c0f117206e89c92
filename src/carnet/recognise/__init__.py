"""Below the rooms: what a text, a name or a pair of coordinates says about somebody.

`classify` asks it what is there, `deidentify` what to write over. The two never import each other, and one must
not find what the other does not.
"""
