"""One verb each: parse, check, call the library, print."""
