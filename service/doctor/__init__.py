"""What `plant doctor` looks at: a module for each group of checks, none changes a thing."""
