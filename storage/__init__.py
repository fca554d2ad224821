"""The database, the vault and Redis."""
