"""The window around the tasks: workers, messages, shortcuts, memory, theme."""
