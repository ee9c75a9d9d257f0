"""The console: a page for a person with a key, as files that are served as they are."""
