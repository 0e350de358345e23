"""Amazon Web Services: one way to open clients and map errors, the account, the bucket and its
policy.
"""
