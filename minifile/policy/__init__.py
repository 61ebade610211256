"""The rules: pure functions over values, without database, storage or request."""
