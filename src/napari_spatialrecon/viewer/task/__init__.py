"""The parts of every task widget: job, model, inputs, run and result."""
