"""The verbs of the command line, a file a task: their options and what they do."""
