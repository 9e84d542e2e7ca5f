"""Matrix products: the `backends` that compute them, in bfloat16 if `autocast` asks for it.

`linear` is the product of a whole sequence, and `measuring` finds which backends this machine has, and the fastest.
"""
