"""Who is made to be taken for somebody else."""
