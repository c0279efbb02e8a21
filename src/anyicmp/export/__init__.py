"""Results in the forms that other programs read. Nothing here measures or prints."""

from anyicmp.export.exposition import CONTENT_TYPE, Exposition
from anyicmp.export.json import to_dict, to_json

__all__ = ["CONTENT_TYPE", "Exposition", "to_dict", "to_json"]
