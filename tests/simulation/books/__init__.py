"""The archive of books as it should be, from the words of the policy.

What the law asks for of a closed month is written once, and again when it has changed. The tables need not keep what
the archive has exactly as it stands there. Ten years after its financial year a document goes, unless it is held.
"""
