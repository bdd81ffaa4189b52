"""When rows run together: a queue that is given the time, and the loop around it."""
