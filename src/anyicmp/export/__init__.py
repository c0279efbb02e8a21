"""Results in the forms that other programs read. Nothing here measures or prints."""

from anyicmp.export.json import to_dict, to_json

__all__ = ["to_dict", "to_json"]
