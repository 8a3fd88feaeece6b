"""Who somebody is to what others share: their own identifier, and the groups they are in."""
