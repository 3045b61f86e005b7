"""Credits: the append-only ledger and the accounts that it moves."""
