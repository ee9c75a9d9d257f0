"""What `plant audit` finds out about a log: in a database, in a bundle, between two checkpoints.

Whatever counts as evidence is computed here, from bytes as they come. What the database is asked to
compare is said in sql/verify, with text of this release and none of the database's functions.
"""
