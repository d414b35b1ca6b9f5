"""The untrusted zone: files of any kind become PCM and frames, or one clear reason why not."""
