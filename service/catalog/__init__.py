"""The statement files: header grammar, loading, generated functions, drift."""
