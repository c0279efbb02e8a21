"""Other libraries' interfaces, on top of anyicmp: whoever moves in changes one import."""
