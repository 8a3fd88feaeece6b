"""What runs: a worker's services and doors, the supervisor of the processes, what SIGHUP takes over."""
