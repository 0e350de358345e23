"""Faces: decoding YuNet, which faces are found, and what is measured of one."""

import dlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from image_tags.tasks.adapters.analyzers.local import face_points, faces, yunet
from image_tags.tasks.adapters.analyzers.local.classifier import Classification
from image_tags.tasks.adapters.analyzers.local.face_points import measure_pose
from image_tags.tasks.adapters.analyzers.local.faces import find_faces
from image_tags.tasks.adapters.analyzers.local.perception import shows_animal
from image_tags.tasks.adapters.analyzers.local.taxonomy import CLASSES
from tests.support.pictures import ASTRONAUT, HOPPER, SKIMAGE

SIAMESE_CAT, ESPRESSO = 284, 967

COLLINS = (0.44, 0.25)
"""Where the astronaut's nose is, in shares of width and height."""


@pytest.fixture(scope="module")
def astronaut():
    with Image.open(ASTRONAUT) as image:
        return image.convert("RGB")


def includes(box, point):
    return box.left < point[0] < box.left + box.width and box.top < point[1] < box.top + box.height


@pytest.mark.parametrize(("column", "row", "stride"), [(0, 0, 8), (3, 1, 16), (4, 2, 32)])
def test_a_place_in_the_grid_becomes_a_box_and_five_points(column, row, stride):
    columns, n = 5, row * 5 + column
    classes, objects = np.zeros((15, 1), np.float32), np.zeros((15, 1), np.float32)
    offsets, points = np.zeros((15, 4), np.float32), np.zeros((15, 10), np.float32)
    classes[n], objects[n] = 0.81, 1.0
    offsets[n] = 0.5, 0.25, np.log(2), np.log(4)
    points[n, 2:4] = 1.5, -0.5
    score, box, marks = yunet.decode_outputs(
        classes, objects, offsets, points, stride, columns, 0.8
    )
    assert score == pytest.approx([0.9])
    centre = np.array([(column + 0.5) * stride, (row + 0.25) * stride])
    assert box[0] == pytest.approx([*(centre - np.array([1, 2]) * stride), 2 * stride, 4 * stride])
    assert marks[0, 1] == pytest.approx([(column + 1.5) * stride, (row - 0.5) * stride])


def test_places_below_the_least_score_are_left_out():
    ones, zeros = np.full((4, 1), 0.7, np.float32), np.zeros((4, 10), np.float32)
    score, box, marks = yunet.decode_outputs(ones, ones, zeros[:, :4], zeros, 8, 2, 0.71)
    assert (len(score), box.shape, marks.shape) == (0, (0, 4), (0, 5, 2))


BOXES = st.lists(
    st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 40)] * 2, st.integers(1, 1000)),
    max_size=12,
)


def overlap(one, other):
    (a, b), (c, d) = one[:2], other[:2]
    across = min(a + one[2], c + other[2]) - max(a, c)
    down = min(b + one[3], d + other[3]) - max(b, d)
    both = max(across, 0) * max(down, 0)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


@given(BOXES)
def test_of_boxes_that_overlap_the_surest_is_kept(found):
    boxes = np.array([box[:4] for box in found], float).reshape(-1, 4)
    scores = np.array([box[4] / 1000 for box in found], float)
    kept = yunet.select_boxes(boxes, scores)
    assert [scores[n] for n in kept] == sorted((scores[n] for n in kept), reverse=True)
    for n in range(len(found)):
        rivals = [k for k in kept if k != n and overlap(boxes[n], boxes[k]) > 0.3 + 1e-6]
        if n in kept:
            assert not rivals
        else:
            assert any(overlap(boxes[n], boxes[k]) > 0.3 - 1e-6 for k in kept)


@pytest.mark.parametrize("angle", [-45, -20, 0, 20, 45])
def test_a_turned_face_is_found_and_its_roll_measured(astronaut, angle):
    turned = astronaut.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90))
    (face,) = find_faces(np.asarray(turned))
    assert face.roll == pytest.approx(-angle, abs=6), "clockwise is above 0"


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_face_in_profile_is_found_with_its_yaw(mirrored):
    """The cameraman looks to the right."""
    with Image.open(SKIMAGE / "camera.png") as image:
        picture = image.convert("RGB")
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    (face,) = find_faces(np.asarray(picture))
    assert (face.yaw < -40) if mirrored else (face.yaw > 40)


def test_a_face_of_24_px_is_found(astronaut):
    scale = 24 / 111
    small = astronaut.resize((round(512 * scale),) * 2, Image.Resampling.LANCZOS)
    scene = Image.new("RGB", (640, 480), (120, 130, 120))
    scene.paste(small, (300, 200))
    (face,) = find_faces(np.asarray(scene))
    assert face.box.height * 480 == pytest.approx(24, abs=5)


def test_every_face_of_a_crowd_is_found(astronaut):
    tile = astronaut.resize((160, 160))
    crowd = Image.new("RGB", (640, 480))
    for n in range(12):
        crowd.paste(tile, (n % 4 * 160, n // 4 * 160))
    found = find_faces(np.asarray(crowd))
    assert len(found) == 12
    for n in range(12):
        nose = ((n % 4 + COLLINS[0]) / 4, (n // 4 + COLLINS[1]) / 3)
        assert sum(includes(face.box, nose) for face in found) == 1


@pytest.mark.parametrize("size", [(33, 700), (700, 33), (90, 90), (641, 479), (1, 1)])
def test_pictures_of_any_shape_can_be_searched(size):
    noise = np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
    assert find_faces(noise) == []


def test_on_an_animal_a_face_must_be_surer(astronaut, monkeypatch):
    found = yunet.Detection(0.85, np.array([10.0, 10, 50, 60]), np.full((5, 2), 30.0))
    surer = yunet.Detection(0.92, np.array([90.0, 10, 50, 60]), np.full((5, 2), 110.0))
    monkeypatch.setattr(yunet, "detect_faces", lambda *_: [surer, found])
    assert len(find_faces(np.asarray(astronaut))) == 2
    (only,) = find_faces(np.asarray(astronaut), shows_animal=lambda: True)
    assert only.confidence == 92
    monkeypatch.setattr(yunet, "detect_faces", lambda *_: [surer])
    find_faces(np.asarray(astronaut), shows_animal=lambda: pytest.fail("nothing depends on it"))


def test_a_face_counts_from_a_score_of_0_8(astronaut, monkeypatch):
    asked = []
    monkeypatch.setattr(
        yunet, "detect_faces", lambda pixels, least, side: asked.append(least) or []
    )
    assert find_faces(np.asarray(astronaut)) == []
    assert asked == [0.8]


@pytest.mark.parametrize(("probability", "expected"), [(0.49, False), (0.5, True)])
def test_a_picture_is_an_animals_from_a_probability_of_one_half(probability, expected):
    values = np.zeros(CLASSES)
    values[SIAMESE_CAT], values[ESPRESSO] = probability, 1 - probability
    seen = Classification(values, np.zeros((CLASSES, 9, 9), np.float32))
    assert shows_animal(seen) == expected


@pytest.mark.parametrize(("file", "faces"), [("chelsea.png", 0), ("coffee.png", 1)])
def test_the_classifier_tells_whether_a_muzzle_may_be_meant(ask, monkeypatch, file, faces):
    muzzle = yunet.Detection(0.85, np.array([60.0, 60, 100, 120]), np.full((5, 2), 110.0))
    monkeypatch.setattr(yunet, "detect_faces", lambda *_: [muzzle])
    assert len(ask("detect_faces", SKIMAGE / file)["FaceDetails"]) == faces


def test_a_box_past_the_edge_is_cut_off(astronaut):
    (face,) = find_faces(np.asarray(astronaut.crop((205, 0, 512, 512))))
    assert face.box.left == 0
    assert 0 < face.box.width < 1


def test_the_network_describes_a_face_as_with_dlibs_own_detector(astronaut):
    """So galleries and published distances hold: 0.6 is the limit, 0.13 another rendition."""
    pixels = np.asarray(astronaut)
    boxes, scores, _ = dlib.get_frontal_face_detector().run(pixels, 0, 0.0)
    box = boxes[int(np.argmax(scores))]
    chip = dlib.get_face_chip(pixels, face_points._load_landmarks()(pixels, box), 150)
    by_dlib = np.asarray(faces._load_network().compute_face_descriptor(chip))
    (face,) = find_faces(pixels)
    assert np.linalg.norm(faces.describe_face(face) - by_dlib) < 0.15


@given(
    st.floats(-170, 170), st.floats(-80, 80), st.floats(5, 200), st.tuples(*[st.floats(0, 900)] * 2)
)
def test_the_pose_of_points_that_were_turned_is_how_far(roll, yaw, size, centre):
    """A head with eyes at x = -1/2 and 1/2 and a nose in front of them, turned and then rolled."""
    turn = np.radians(yaw)
    flat = np.array(
        [
            [-0.5 * np.cos(turn), 0],
            [0.5 * np.cos(turn), 0],
            [face_points.NOSE_DEPTH * np.sin(turn), 0.5],
            [0, 1],
            [0, 1],
        ]
    )
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    points = flat @ np.array([[cos, sin], [-sin, cos]]) * size + centre
    assert measure_pose(points) == pytest.approx((roll, yaw), abs=1e-3)


def test_the_pose_of_the_services_own_example():
    """The first three landmarks of DetectFaces' example in botocore, whose yaw is 13.7, roll 1."""
    points = np.array(
        [
            [0.6394737362861633, 0.40819624066352844],
            [0.7266660928726196, 0.41039225459098816],
            [0.6912462115287781, 0.44240960478782654],
            [0.65, 0.47],
            [0.72, 0.47],
        ]
    )
    assert measure_pose(points) == pytest.approx((1.0, 13.7), abs=1.5)


def test_a_blurred_face_is_less_sharp_and_a_darker_one_less_bright(astronaut):
    (plain,) = find_faces(np.asarray(astronaut))
    (blurred,) = find_faces(np.asarray(astronaut.filter(ImageFilter.GaussianBlur(3))))
    (dark,) = find_faces(np.asarray(astronaut.point(lambda value: value // 2)))
    assert blurred.sharpness < plain.sharpness / 3
    assert dark.brightness == pytest.approx(plain.brightness / 2, rel=0.05)
    for face in (plain, blurred, dark):
        assert 0 <= face.sharpness <= 100
        assert 0 <= face.brightness <= 100


def test_the_largest_face_comes_first(astronaut):
    with Image.open(HOPPER) as image:
        scene = Image.new("RGB", (1000, 600))
        scene.paste(image.convert("RGB"), (400, 0))
        scene.paste(astronaut.resize((300, 300)), (20, 20))
    areas = [face.box.width * face.box.height for face in find_faces(np.asarray(scene))]
    assert len(areas) == 2
    assert areas[0] > areas[1]
