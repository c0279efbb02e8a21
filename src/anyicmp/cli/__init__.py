"""The command `anyicmp`: one file for each subcommand, over the public names of the library alone."""
