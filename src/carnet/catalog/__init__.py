"""The node database: state and ledger in one transaction."""
