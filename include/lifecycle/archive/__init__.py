"""Archives: documents that a law asks for, written once, verified, and retrievable by number.

A part of an archive is what was written at once: documents of one financial year, in objects that nobody writes to
again, and a manifest. The control schema knows where each document stands; what it says can be read from the objects
and manifests alone. Nothing here deletes a row of a company.
"""
