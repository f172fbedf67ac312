"""Commands of the command line, one file per task: their options and actions."""
