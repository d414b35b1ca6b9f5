"""A part of Flickr8k: a thousand photos, five human sentences each."""

from rnnmm.data.flickr8k import list_photos
from rnnmm.domain import Folder
from rnnmm.manifest import Manifest


def prepare(root: Folder) -> Manifest:
    """Lists the photos with their sentences; the lists beside them give the split.

    Args:
        root: the corpus folder, in any layout of `rnnmm.data.flickr8k.list_photos`.

    Returns:
        Items with captions.

    Raises:
        ValueError: No photos, no sentences, or a line that cannot be read.
    """
    return list_photos("flickr8k_1k", root)
