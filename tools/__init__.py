"""What the Makefile needs and a shell line cannot say. Standard library only; knows the programs by command line."""
