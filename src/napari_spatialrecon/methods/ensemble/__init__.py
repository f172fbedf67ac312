"""What placing methods share that train several networks and join their layouts."""
