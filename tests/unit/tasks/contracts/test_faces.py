"""A face that two operations find is counted once."""

from image_tags.tasks.contracts.operations import read_all


def face(left, confidence=99.0, **details):
    box = {"Left": left, "Top": 0.1, "Width": 0.2, "Height": 0.3}
    return {"BoundingBox": box, "Confidence": confidence, **details}


def read_faces(unrecognised, detected):
    tags = read_all(
        [
            ("recognize_celebrities", {"CelebrityFaces": [], "UnrecognizedFaces": unrecognised}),
            ("detect_faces", {"FaceDetails": detected}),
        ]
    )
    return [tag for tag in tags if tag.kind == "face"]


def test_a_face_that_both_operations_find_is_one_with_the_details_of_both():
    (one,) = read_faces(
        [face(0.5, 90.0, Quality={"Sharpness": 60.0})], [face(0.52, 99.0, AgeRange={"Low": 20})]
    )
    assert (one.rank, one.confidence, one.left) == (1, 99.0, 0.52)
    assert one.details["operation"] == "detect_faces"
    assert one.details["also_found_by"] == "recognize_celebrities"
    assert one.details["age_range"] == {"Low": 20}
    assert one.details["quality"] == {"Sharpness": 60.0}


def test_faces_apart_stay_apart_and_a_face_has_at_most_one_twin():
    faces = read_faces([face(0.0), face(0.02), face(0.7)], [face(0.018), face(0.4)])
    assert sorted(one.left for one in faces) == [0.0, 0.018, 0.4, 0.7]
    assert [one.rank for one in faces] == [1, 2, 3, 4]


def test_two_faces_of_one_operation_are_never_joined():
    assert len(read_faces([], [face(0.1), face(0.1)])) == 2


def test_faces_without_a_box_stay():
    assert len(read_faces([{"Confidence": 50.0}], [{"Confidence": 60.0}, face(0.1)])) == 3
