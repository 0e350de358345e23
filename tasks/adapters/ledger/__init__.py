"""The ledger: every response, and the claims that keep two runs from paying for the same call."""
