"""Parts of the Live page that need no connection: what is missing and why, ICE servers, the drawn picture,
the moving figures.
"""

import base64
import re

import numpy as np
import pytest

from mmer_core.inference.live import Moment, Point, SeenFace, SessionTable
from mmer_core.inference.prediction import Prediction, UnimodalPrediction
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.colours import person_colour
from ui.live.charts import GAP, describe_timeline, live_bars, live_timeline, runs
from ui.live.devices import (
    IceSettingsError,
    device_sentences,
    ice_servers,
    is_local,
    no_connection_sentence,
    reach_sentence,
)
from ui.live.people import people_html
from ui.live.picture import caption, draw
from ui.live.stream import constraints
from ui.live.table import state_sentence
from ui.live.visit import LiveVisit

JOY = {e: 0.7 if e == "joy" else 0.05 for e in EMOTIONS}
TURN = [{"urls": "turn:turn.example.org", "username": "u", "credential": "c"}]
BOTH = {"what": "start", "found": ["video", "audio"], "problems": {}}
ANSWER = Prediction("joy", 0.7, JOY, {Modality.VISUAL: UnimodalPrediction(True, probabilities=JOY)}, {}, {})
NOTHING = Prediction("joy", 0.7, JOY, {}, {}, {})  # what remains with everything switched off


def seen(box: list[float], person: int = 1, *, main: bool = True, read: bool = True) -> SeenFace:
    return SeenFace(np.array(box, dtype=np.float32), 0.0, person, main, JOY if read else None)


def drawn_on(picture: np.ndarray, face: SeenFace | None, prediction: Prediction | None) -> np.ndarray:
    return draw(picture, [] if face is None else [face], prediction, 0.3)


# Devices


def test_what_is_missing_is_named_with_what_goes_on():
    assert device_sentences({"video": "NotFoundError"}, {"audio"}) == [
        "The camera was not found: connect one and press Start again.",
        "Voice and words go on without the face.",
    ]
    assert (
        device_sentences({"audio": "NotReadableError"}, {"video"})[1]
        == "The face goes on without voice and words."
    )
    assert len(device_sentences({"video": "NotAllowedError", "audio": "NotAllowedError"}, set())) == 2
    assert device_sentences({}, {"video", "audio"}) == []
    assert "SomethingNew" in device_sentences({"video": "SomethingNew"}, set())[0]


def test_start_and_stop_follow_the_button():
    visit = LiveVisit()
    visit.take(BOTH)
    assert visit.running
    assert visit.kinds == {"video", "audio"}
    visit.take({"what": "stop"})
    assert not visit.running


def test_a_start_without_any_device_does_not_run():
    visit = LiveVisit(failure="an old one")
    visit.take(
        {"what": "start", "found": [], "problems": {"video": "NotAllowedError", "audio": "NotAllowedError"}}
    )
    assert not visit.running
    assert visit.failure == ""
    assert set(visit.problems) == {"video", "audio"}


def test_a_camera_taken_away_leaves_the_microphone_running_and_the_last_device_ends_it():
    visit = LiveVisit()
    visit.take(BOTH)
    visit.take({"what": "lost", "kind": "video"})
    assert visit.running
    assert visit.kinds == {"audio"}
    assert visit.asked == {"video", "audio"}, "the connection stays as it was made"
    assert device_sentences(visit.problems, visit.kinds)[0] == "The camera was taken away."
    visit.take({"what": "lost", "kind": "audio"})
    assert not visit.running


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"what": "dance"},
        {"what": "lost", "kind": "video"},
        {"what": "start", "found": ["smell"], "problems": {"x": "y"}},
    ],
)
def test_senseless_events_start_nothing(event):
    visit = LiveVisit()
    visit.take(event)
    assert not visit.running


CAMERA, OTHER = {"id": "c1", "label": "Front camera"}, {"id": "c2", "label": "Rear camera"}


def running(**event) -> LiveVisit:
    visit = LiveVisit()
    visit.take({**BOTH, "devices": {"video": CAMERA}, **event})
    return visit


def test_the_device_that_streams_is_asked_for_by_its_id():
    visit = running()
    assert constraints("video", visit)["deviceId"] == {"ideal": "c1"}
    assert "deviceId" not in constraints("audio", visit)
    assert constraints("audio", visit)["echoCancellation"] is False


def test_another_device_makes_the_connection_anew():
    visit = running()
    assert not visit.changing
    visit.take({"what": "change", "kind": "video", "device": OTHER})
    assert visit.changing
    assert visit.running
    assert constraints("video", visit)["deviceId"] == {"ideal": "c2"}
    assert visit.notice == ""


def test_a_camera_chosen_after_it_had_been_refused_streams_too():
    visit = running(found=["audio"], problems={"video": "NotFoundError"}, devices={})
    visit.take({"what": "change", "kind": "video", "device": CAMERA})
    assert visit.asked == {"video", "audio"}
    assert visit.problems == {}


def test_a_device_that_disappears_is_named_with_the_one_in_its_place():
    visit = running()
    visit.take({"what": "fallback", "kind": "video", "lost": "Front camera", "device": OTHER})
    assert visit.changing
    assert visit.notice == "The camera “Front camera” is not there any more, so “Rear camera” is used."
    visit.take({"what": "stop"})
    assert visit.notice == ""


def test_a_chosen_device_that_is_not_there_at_the_start_is_said():
    assert "The camera you chose is not there any more" in running(missing=["video"]).notice


def test_a_device_that_cannot_be_had_changes_nothing():
    visit = running()
    visit.take({"what": "refused", "kind": "video", "device": OTHER, "error": "NotReadableError"})
    assert not visit.changing
    assert constraints("video", visit)["deviceId"] == {"ideal": "c1"}
    assert visit.notice == "The camera “Rear camera” is taken by another program: nothing was changed."


@pytest.mark.parametrize(
    "event",
    [
        {"what": "change", "kind": "smell", "device": OTHER},
        {"what": "change", "kind": "video", "device": {}},
        {"what": "fallback", "kind": "video", "device": "c2"},
    ],
)
def test_senseless_changes_of_devices_change_nothing(event):
    visit = running()
    visit.take(event)
    assert not visit.changing
    assert visit.devices["video"].id == "c1"


def test_the_table_goes_on_only_while_something_streams():
    visit = running()
    visit.table = SessionTable()
    visit.table.recording = True
    visit.take({"what": "stop"})
    assert not visit.table.recording


def test_the_table_says_how_much_it_holds_and_when_it_is_full():
    table = SessionTable(most=1)
    table.recording = True
    table.add(0.0, ANSWER, [], "", 0.3)
    assert (
        state_sentence(table) == "1 row over 0:00. The table is full: download it, then forget it to go on."
    )
    table = SessionTable()
    table.recording = True
    table.add(0.0, ANSWER, [], "", 0.3)
    table.add(3725.0, ANSWER, [], "", 0.3)
    assert state_sentence(table) == "2 rows over 1:02:05."
    table.recording = False
    assert state_sentence(table) == "2 rows over 1:02:05, not going on."


# Reaching the app


def test_no_server_outside_is_asked_by_default(monkeypatch):
    monkeypatch.delenv("MMER_ICE_SERVERS", raising=False)
    assert ice_servers() == []


def test_ice_servers_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(
        "MMER_ICE_SERVERS", '[{"urls": "turn:turn.example.org", "username": "u", "credential": "c"}]'
    )
    assert ice_servers() == TURN


@pytest.mark.parametrize(
    "setting", ["turn:turn.example.org", "{}", '[{"url": "turn:x"}]', "[3]", "[" * 100_000]
)
def test_a_wrong_setting_is_one_sentence_naming_it(setting):
    with pytest.raises(IceSettingsError, match="MMER_ICE_SERVERS"):
        ice_servers(setting)


def test_only_a_page_from_another_machine_hears_of_https_and_turn():
    assert is_local("http://localhost:8501/live")
    assert reach_sentence("http://127.0.0.1:8501/live", []) == ""
    assert reach_sentence("https://emotions.example.org/live", TURN) == ""
    assert "TURN" in reach_sentence("https://emotions.example.org/live", [])
    assert "HTTPS" in reach_sentence("http://192.168.0.7:8501/live", TURN)
    assert "MMER_ICE_SERVERS" in no_connection_sentence("https://emotions.example.org", [])
    assert "MMER_ICE_SERVERS" not in no_connection_sentence("http://localhost:8501", [])


# The picture


def test_the_box_is_drawn_where_the_face_is_in_the_mirror():
    picture = np.full((240, 320, 3), 50, np.uint8)
    drawn = drawn_on(picture, seen([0.0, 0.25, 0.25, 0.75]), ANSWER)
    assert (picture == 50).all(), "the picture given stays as it was"
    changed = (drawn != 50).any(axis=2)
    rows, columns = np.nonzero(changed[65:175])
    assert columns.min() >= 236, "a face at the left edge is at the right one in a mirror"
    assert rows.size


def test_without_a_face_there_is_only_the_mirror_image():
    picture = np.zeros((24, 32, 3), np.uint8)
    picture[:, 0] = 255
    assert (drawn_on(picture, None, ANSWER) == picture[:, ::-1]).all()


def test_without_anything_to_go_by_the_face_gets_no_label():
    picture, face = np.full((240, 320, 3), 50, np.uint8), seen([0.25, 0.5, 0.75, 0.9])
    above = slice(60, 115)  # where the label stands
    assert (drawn_on(picture, face, ANSWER)[above] != 50).any()
    for prediction in (NOTHING, None):
        drawn = drawn_on(picture, face, prediction)
        assert (drawn[above] == 50).all()
        assert (drawn != 50).any(), "the box stays"


@pytest.mark.parametrize("box", [[-0.2, -0.2, 0.3, 0.3], [0.9, 0.9, 1.3, 1.4], [0.0, 0.0, 1.0, 1.0]])
def test_faces_that_reach_over_the_edge_can_be_drawn(box):
    assert drawn_on(np.zeros((120, 160, 3), np.uint8), seen(box), ANSWER).shape == (120, 160, 3)


def test_every_face_has_a_box_in_its_persons_colour_and_an_unread_one_is_grey():
    picture = np.full((240, 320, 3), 50, np.uint8)
    faces = [
        seen([0.05, 0.4, 0.25, 0.7], 1),
        seen([0.4, 0.4, 0.6, 0.7], 2, main=False),
        seen([0.75, 0.4, 0.95, 0.7], 3, main=False, read=False),
    ]
    drawn = draw(picture, faces, ANSWER, 0.3)
    found = {tuple(colour) for colour in drawn.reshape(-1, 3).tolist()}
    rgb = {n: tuple(bytes.fromhex(person_colour(n)[1:])) for n in (1, 2, 3)}
    assert rgb[1] in found
    assert rgb[2] in found
    assert rgb[3] not in found
    assert (200, 200, 200) in found


def test_the_main_face_repeats_the_headline_and_the_others_say_what_they_show_alone():
    other = seen([0, 0, 1, 1], 2, main=False)
    unread = seen([0, 0, 1, 1], 7, main=False, read=False)
    assert caption(seen([0, 0, 1, 1]), ANSWER, 0.3, alone=True) == "Joy 70%"
    assert caption(seen([0, 0, 1, 1]), ANSWER, 0.3, alone=False) == "1 Joy 70%"
    assert caption(seen([0, 0, 1, 1]), None, 0.3, alone=True) == ""
    assert caption(other, ANSWER, 0.3, alone=False) == "2 Joy 70%"
    assert caption(other, ANSWER, 0.8, alone=False) == "2 Joy? 70%"
    assert caption(unread, ANSWER, 0.3, alone=False) == "7 not read"


def moment(*faces: SeenFace) -> Moment:
    numbers, nan = tuple(f.person for f in faces), float("nan")
    return Moment(0.0, ANSWER, faces, numbers, numbers[0], "", True, True, 10.0, nan, nan)


def test_the_others_are_told_in_words_too():
    main, other = seen([0, 0, 1, 1]), seen([0, 0, 1, 1], 2, main=False)
    unread = seen([0, 0, 1, 1], 3, main=False, read=False)
    html = people_html(moment(main, other, unread), 0.3)
    assert "Person 1" not in html
    assert "Person 2, face alone: 😊 Joy 70%" in html
    assert "Person 3, face alone: not read" in html
    assert person_colour(2) in html
    assert "Person" not in people_html(moment(main), 0.3)


# The moving figures


def points(times) -> list[Point]:
    return [Point(t, JOY, (Modality.VISUAL,)) for t in times]


def drawing(html: str) -> str:
    return base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]).decode()


def test_bars_are_as_long_as_the_probabilities_and_in_the_fixed_order():
    html = live_bars(JOY)
    assert [float(w) for w in re.findall(r"width:([\d.]+)%", html)] == [100 * JOY[e] for e in EMOTIONS]
    assert html.count('class="first"') == 1


def test_without_an_answer_the_bars_are_blank():
    html = live_bars(dict.fromkeys(EMOTIONS, 0.0))
    assert "%<" not in html
    assert 'class="first"' not in html


def test_the_areas_of_the_timeline_fill_its_height_and_end_now():
    svg = drawing(live_timeline(points([10.0, 10.5, 11.0]), now=11.0, seconds=60, labels=EMOTIONS))
    numbers = [
        [tuple(map(float, p.split(","))) for p in polygon.split()]
        for polygon in re.findall(r'points="([^"]+)"', svg)
    ]
    assert len(numbers) == len(EMOTIONS)
    assert max(x for polygon in numbers for x, _ in polygon) == 1000
    assert max(y for _, y in numbers[0]) == 100
    assert min(y for _, y in numbers[-1]) == pytest.approx(0, abs=0.01)


def test_a_pause_interrupts_the_areas():
    apart = points([0.0, 0.5, 0.5 + GAP + 1, 5.0])
    assert [[p.at for p in run] for run in runs(apart)] == [[0.0, 0.5], [0.5 + GAP + 1, 5.0]]
    assert drawing(live_timeline(apart, now=5.0, seconds=60, labels=EMOTIONS)).count("<polygon") == 2 * len(
        EMOTIONS
    )


def test_a_timeline_without_points_says_so():
    assert describe_timeline([]) == "No answers yet"
    assert "<polygon" not in drawing(live_timeline([], now=0.0, seconds=60, labels=EMOTIONS))
    assert "joy leads with 70%" in describe_timeline(points([0.0]))
