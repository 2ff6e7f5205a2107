"""Pieces of text that mean something to a reader, for the mutations; one per line, with Python's escapes."""

__all__ = ["WORDS"]


def _words(text: str) -> list[bytes]:
    return [line.encode().decode("unicode_escape").encode("latin-1") for line in text.strip().splitlines()]


WORDS = {
    "table": _words(r"""
,
;
\t
|
\n
\r\n
"
""
\0
\xef\xbb\xbf
\xff\xfe
\xc3\xa9
\xe9
\xe2\x80\xa8
\x1b[31m
image
split
train
test
val
bbox
sample_weight
0 0 9 9
NA
nan
NaN
null
.jpg
../
http://x/a.jpg
1.299,50
2026-03-01
007
1e309
-0
yes
\\ud800
{"a": 1}
[1, 2]
sep=;\n
999999999999999999999999999999
"""),
    "schema": _words(r"""
version: 1\n
attributes:\n
-\x20
{
}
[
]
"
:\x20
&a\x20
*a
!!python/x\x20
kind: ordinal
classes:\x20
parent:\x20
applies_to:\x20
category:\x20
null
~
yes
2026-99-99
?\x20
<<:\x20
\t
---\n
...\n
#\x20
\\ud800
1_0__0
0x_
1:2:3
|\n
>\n
=
"""),
    "config": _words(r"""
epochs:\x20
trunk:\x20
{name:\x20
losses:\n\x20\x20
options:\x20
1_0__0
1__0.5
.inf
-.nan
9999999999999999999999999
1e400
0x10
null
yes
&a\x20
*a
<<:\x20
!!python/object/apply:os.system\x20
[
]
{
}
\t
\xef\xbb\xbf
=
.
seed
\n
backbone
a.b.c=1
extends:\x20
preset:\x20
"
"""),
    "bundle": _words(r"""
null
[]
{}
""
-1
1e999
NaN
true
"a00"
"levels"
"schema"
999999999999999999999999999999
"F32"
"F64"
"I8"
"BF16"
"shape":
"data_offsets":
[0,0]
\xff\xff\xff\xff
\\ud800
[
"""),
}
