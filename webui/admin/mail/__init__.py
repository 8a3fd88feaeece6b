"""The console's pages about mail: the queue, what is held, traces, mailings, messages taken back."""
