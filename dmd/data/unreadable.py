"""What libraries raise of a file that is no scan, or a broken one, and what they say of it."""

import zlib

from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.wrapstruct import WrapStructError

# Those of nibabel share no class but `Exception`.
OF_NIBABEL = (ImageFileError, HeaderDataError, ImageDataError, WrapStructError)
UNREADABLE = (RuntimeError, OSError, EOFError, LookupError, ValueError, TypeError, zlib.error, *OF_NIBABEL)


def reason(error: BaseException) -> str:
    """Return the last line of what an exception says, which of SimpleITK is the one that says why; else its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
