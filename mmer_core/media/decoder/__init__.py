"""The decoding process: reads one untrusted file from standard input and writes its content piece by piece.
Started by `media.decoding`.

    python -m mmer_core.media.decoder LIMITS FRAMES SOUND REPORT [START TRACK] < FILE

LIMITS is a `Limits` as JSON, the next three are files to write. With START, in seconds, the piece from there
on is decoded, and all times are counted from it; TRACK is the sound track to use, from 1, or 0. FRAMES gets
raw (H, W, 3) uint8 RGB frames one after another, SOUND raw float32 mono samples at 16 kHz, REPORT one JSON
object a line, told apart by "event":

    kind      kind: "video", "audio" or "picture"
    shape     height, width of all frames; comes before the first
    frame     time: seconds from the start of the clip; comes after each frame
    sound     until: seconds of the clip; offset: how much later than the clip the sound starts; damage, lost:
        where decoding failed first and how many seconds are gone, or null and 0; silenced: invalid samples
        were met
    pictures  until, damage, lost: as for sound
    absent    part: "audio" or "visual"; reason: "none", "empty", "codec", "rate", "pixels", "late" or
        "damaged"; detail
    tracks    count: sound tracks in the file, where there are several; used: which one, from 1
    cut       a part of the picture is missing or damaged
    longer    there is more than `Limits.max_seconds`
    slow      time: the processor or clock budget ended here
    length    promised: the seconds that the header announces for the whole file; of a piece, and of a file
        that is longer
    short     promised: the seconds that the header announces, when the file ends before them
    refused   reason: "format", "pixels", "bytes" or "damaged"; detail
    done      nothing more comes

Everything is flushed at once: a decoder library can take the whole process down on a damaged stream (PyAV
issue 2344), and what came before must survive that. Times are those of packets and decoded frames, never of
headers.
"""

DISK_FULL = 74  # exit status when an output cannot be written (EX_IOERR)
