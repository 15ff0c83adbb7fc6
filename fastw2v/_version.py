"""The version, written here and nowhere else: the package and its metadata read this line."""

__version__ = "0.1.0"
