"""The past at the edge: what older generations of Keras called things, and meant by them.

Nothing else imports this package. Old spellings stand in no other folder.
"""
