"""Words and symbols: normalisation, tokenisation, vocabularies."""
