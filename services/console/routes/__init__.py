"""The pages, one file a noun. Each has a class with the console's collaborators and `routes()`."""
