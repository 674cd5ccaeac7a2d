"""Why a file has no sound or no picture, in words."""

ABSENT_SOUND = {
    "none": "the clip has no sound",
    "empty": "it holds no sound",
    "codec": "the sound is in a coding that cannot be read",
    "rate": "the sound's rate of {detail} cannot be used",
    "late": "there is no sound in the first {seconds:g} s",
    "damaged": "the sound is damaged",
}
ABSENT_PICTURE = {
    "none": "the clip has no picture",
    "codec": "the picture is in a coding that cannot be read",
    "pixels": "the picture of {detail} pixels is over the limit of {millions:g} million",
    "late": "there is no picture in the first {seconds:g} s",
    "damaged": "the picture is damaged",
}
