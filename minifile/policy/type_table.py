"""Media types by extension, the same on every machine."""

import io
from mimetypes import MimeTypes

# In the format of mime.types. What Python knows differs between its versions and lacks these;
# what the system knows differs between machines, and is not asked.
_MORE_TYPES = """
application/dicom dcm
application/epub+zip epub
application/gzip gz tgz svgz
application/java-archive jar war ear
application/json json
application/rtf rtf
application/toml toml
application/vnd.android.package-archive apk
application/vnd.apple.keynote key
application/vnd.apple.numbers numbers
application/vnd.apple.pages pages
application/vnd.comicbook+zip cbz
application/vnd.debian.binary-package deb
application/vnd.google-earth.kmz kmz
application/vnd.ms-cab-compressed cab
application/vnd.ms-excel.sheet.macroenabled.12 xlsm
application/vnd.ms-fontobject eot
application/vnd.ms-outlook msg
application/vnd.ms-powerpoint.presentation.macroenabled.12 pptm
application/vnd.ms-publisher pub
application/vnd.ms-word.document.macroenabled.12 docm
application/vnd.oasis.opendocument.graphics odg
application/vnd.oasis.opendocument.presentation odp
application/vnd.oasis.opendocument.spreadsheet ods
application/vnd.oasis.opendocument.text odt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.presentationml.slideshow ppsx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.spreadsheetml.template xltx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.wordprocessingml.template dotx
application/vnd.rar rar
application/vnd.visio vsd
application/x-7z-compressed 7z
application/x-bat bat cmd
application/x-brotli br
application/x-bzip2 bz2 tbz2
application/x-compress z
application/x-executable elf
application/x-google-chrome-extension crx
application/x-ios-app ipa
application/x-lz4 lz4
application/x-lzip lz
application/x-lzop lzo
application/x-msdownload exe dll
application/x-msi msi
application/x-php php
application/x-rpm rpm
application/x-sqlite3 sqlite sqlite3
application/x-subrip srt
application/x-unix-archive ar
application/x-wheel+zip whl
application/x-xpinstall xpi
application/x-xz xz txz
application/xhtml+xml xhtml xht
application/xml xml xsl
application/yaml yaml yml
application/zip zip
application/zstd zst
audio/aac aac
audio/aiff aif aifc aiff
audio/amr amr
audio/flac flac
audio/midi mid midi
audio/mp4 m4a m4b
audio/mpeg mp3
audio/ogg ogg oga
audio/opus opus
audio/wav wav
audio/x-ms-wma wma
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
image/apng apng
image/avif avif
image/heic heic
image/heif heif
image/jpeg jpg jpeg jpe jfif
image/jpx jpx
image/jxl jxl
image/vnd.adobe.photoshop psd
image/vnd.dwg dwg
image/vnd.microsoft.icon ico
image/vnd.ms-photo jxr
image/webp webp
image/x-adobe-dng dng
image/x-canon-cr2 cr2
image/x-nikon-nef nef
image/x-sony-arw arw
image/x-xcf xcf
text/html html htm shtml
text/javascript js mjs
text/markdown md markdown
text/plain txt text log ini conf cfg
text/x-c c h
text/x-perl pl
text/x-python py
text/x-ruby rb
text/x-shellscript sh bash zsh ksh
video/3gpp 3gp
video/ogg ogv
video/x-flv flv
video/x-m4v m4v
video/x-matroska mkv
video/x-ms-wmv wmv
"""
_TABLE = MimeTypes()
_TABLE.readfp(io.StringIO(_MORE_TYPES))

# What clients and admins write, and what we keep.
_SAME_TYPES = {
    "application/font-woff": "font/woff",
    "application/javascript": "text/javascript",
    "application/vnd.microsoft.portable-executable": "application/x-msdownload",
    "application/x-dosexec": "application/x-msdownload",
    "application/x-gzip": "application/gzip",
    "application/x-javascript": "text/javascript",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-sh": "text/x-shellscript",
    "application/x-zip-compressed": "application/zip",
    "audio/mp3": "audio/mpeg",
    "audio/x-aiff": "audio/aiff",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
    "image/x-icon": "image/vnd.microsoft.icon",
    "text/xml": "application/xml",
}
_SAME_EXTENSION = {
    "htm": "html", "jfif": "jpg", "jpe": "jpg", "jpeg": "jpg", "markdown": "md", "mpeg": "mpg",
    "tbz2": "tar.bz2", "text": "txt", "tgz": "tar.gz", "tiff": "tif", "txz": "tar.xz",
    "yml": "yaml",
}  # fmt: skip


def extension_of(filename: str) -> str:
    """Return what follows the last dot, in lower case; nothing if there is no dot."""
    base = filename.rpartition("/")[2].lower()
    return base.rpartition(".")[2] if "." in base else ""


def endings_of(filename: str) -> set[str]:
    """Return the extension and, with a second dot, the last two: `gz` and `tar.gz`."""
    parts = filename.rpartition("/")[2].lower().split(".")
    return {same_extension(".".join(parts[-n:])) for n in (1, 2) if len(parts) > n}


def same_extension(extension: str) -> str:
    """Return the one spelling of extensions that mean the same, without a leading dot."""
    extension = extension.lower().lstrip("*.")
    return _SAME_EXTENSION.get(extension, extension)


def same_type(media_type: str) -> str:
    """Return the one name of types that mean the same."""
    return _SAME_TYPES.get(media_type, media_type)


def type_of_extension(extension: str) -> str | None:
    """Return the media type of an extension without its dot; that of `tar.gz` is that of `gz`."""
    return _TABLE.types_map[True].get("." + extension.rpartition(".")[2].lower())
