"""Who a letter goes to and in whose name, and what is asked about that before it leaves."""
