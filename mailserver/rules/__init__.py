"""The rules between populations as a running worker knows them."""
