"""The catalog: the PostgreSQL schema in which the operator and the tenant API meet."""
