"""Nouns: one table a file."""

from minifile.models.browser_access import BrowserAccess
from minifile.models.client_salt import ClientSalt
from minifile.models.delivery import Delivery
from minifile.models.file import File
from minifile.models.lease import Lease
from minifile.models.link import Link
from minifile.models.partial_upload import PartialUpload
from minifile.models.removed_blob import RemovedBlob
from minifile.models.slot import Slot

__all__ = [
    "BrowserAccess",
    "ClientSalt",
    "Delivery",
    "File",
    "Lease",
    "Link",
    "PartialUpload",
    "RemovedBlob",
    "Slot",
]
