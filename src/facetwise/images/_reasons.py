"""Why a picture cannot be read: a dozen short codes at most, so that a long list of bad files can be counted."""

__all__ = ["REASONS"]

# The codes are stored in result files: rename none, add at the end.
REASONS: dict[str, str] = {
    "missing": "no file has this name, or the table names none",
    "not_a_file": "a folder, a pipe or a device, not a file",
    "permission": "the file may not be read by this user",
    "unreadable": "the disk or the network refused to give the bytes",
    "empty": "the file has no bytes",
    "not_an_image": "the bytes are not a picture (a text or an HTML page under a picture's name, say)",
    "format": "a picture, but of a kind that is not read",
    "too_large": "more pixels or bytes than the limit",
    "truncated": "the file ends before the picture does",
    "corrupt": "the file is damaged",
    "bad_box": "the box holds no part of the picture",
    "refused": "the path leaves the folder of images, or is an address",
}
