"""The async room: the driver, how it gets its turns, and the doors to what is measured."""
