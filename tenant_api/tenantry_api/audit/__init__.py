"""The reading side of the record, for the auditor: the tree, its signed checkpoints, search, exports and their proof.

`tree`, `note`, `checkpoint` and `verify` are pure. What an auditor runs shares only the format with what wrote the log.
"""
