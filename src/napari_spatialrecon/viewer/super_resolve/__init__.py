"""Super-resolve: split spots into smaller parts."""
