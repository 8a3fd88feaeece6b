"""What the server answers: FETCH, search results, and untagged news."""
