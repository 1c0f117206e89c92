"""Statements, signing, the ledger's Merkle log, the dossier and its offline check."""
