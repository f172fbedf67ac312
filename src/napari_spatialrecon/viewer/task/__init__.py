"""What every task widget is made of: job, model, inputs, run and result."""
