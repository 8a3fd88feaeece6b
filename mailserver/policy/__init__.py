"""What may be done: who may write to whom and how much, what may leave, who somebody is to what others share."""
