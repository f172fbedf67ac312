"""Cases: inputs of a task from which a known answer was taken out."""
