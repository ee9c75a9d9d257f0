"""One module per group of commands; each gives `register(subparsers)`."""
