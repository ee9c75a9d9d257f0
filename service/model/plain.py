"""What a few looks at the bytes of a line say of all its texts at once.

Most lines are plain: ASCII without escapes, no text begins or ends with a space, nothing stands
twice. Of these no rule on a text has anything to say, and none has to be asked text by text.
"""


def is_plain(body: bytes, payload: bytes) -> bool:
    """Say whether a line is plain, by what was sent and what was read of it, as compact JSON.

    False for whatever is in doubt.
    """
    return (
        payload.isascii()
        # Without escapes on the way there is no control character but DEL, and a quotation mark is
        # an end of a text: the spaces of compact JSON are those of its texts.
        and b"\\" not in body
        and b"\x7f" not in payload
        and b'" ' not in payload
        and b' "' not in payload
        # Of a member that stands twice one is not read, and its name has gone with it.
        and body.count(b'"') == payload.count(b'"')
        # Of these is what is not given back as it came: a UUID in another form, a default.
        and b'"id":' not in payload
        and b'"relation":' not in payload
    )
