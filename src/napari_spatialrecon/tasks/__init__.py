"""Tasks: the public interface to the methods; AnnData in, AnnData out, with a record of the run."""
