import matplotlib as mpl
import numpy as np
import pytest

from melgen.evaluation.embeddings import embedding_figure, nearest_neighbours, project_2d, write_projector
from melgen.music import Interval, pitch_name

PITCHES = [pitch_name(pitch) for pitch in range(48, 78)]
INTERVALS = [Interval().value_name(value) for value in range(-13, 14)]


@pytest.fixture
def weights():
    return np.random.default_rng(0).normal(size=(30, 16))


def test_neighbours_by_hand():
    weights = [[1, 0], [2, 0], [0, 3], [-1, 0]]
    euclidean = nearest_neighbours(weights, k=2)
    assert euclidean.indices[0].tolist() == [1, 3]
    assert euclidean.distances[0].tolist() == [1, 2]
    cosine = nearest_neighbours(weights, k=3, metric="cosine")
    assert cosine.indices[0].tolist() == [1, 2, 3]
    assert cosine.distances[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbours_equal_a_loop(weights, metric):
    def distance(a, b):
        if metric == "euclidean":
            return np.sqrt(((a - b) ** 2).sum())
        return 1 - (a @ b) / np.sqrt((a @ a) * (b @ b))

    found = nearest_neighbours(weights, k=5, metric=metric)
    for row in range(len(weights)):
        others = [other for other in range(len(weights)) if other != row]
        others.sort(key=lambda other: distance(weights[row], weights[other]))
        assert found.indices[row].tolist() == others[:5]
        assert found.distances[row] == pytest.approx(
            [distance(weights[row], weights[other]) for other in others[:5]], abs=1e-12
        )


def test_equal_rows_are_neighbours_at_distance_zero_and_lower_indices_come_first():
    found = nearest_neighbours(np.ones((4, 3)), k=3)
    assert found.distances.max() == 0
    assert found.indices.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_a_row_of_zeros_has_no_direction():
    assert nearest_neighbours([[0, 0], [1, 0], [2, 0]], k=2, metric="cosine").distances[0].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("k", "metric", "message"),
    [
        (0, "cosine", "from 1 to 2"),
        (3, "cosine", "from 1 to 2"),
        (1, "l1", "l1"),
    ],
)
def test_neighbours_that_cannot_be_found(k, metric, message):
    with pytest.raises(ValueError, match=message):
        nearest_neighbours(np.eye(3), k, metric)


def test_projection_keeps_distances_within_a_plane(weights):
    plane = np.linalg.qr(weights[:, :2])[0]
    embedded = plane @ np.linalg.qr(np.random.default_rng(1).normal(size=(16, 2)))[0].T
    points = project_2d(embedded)

    def distances(rows):
        return np.linalg.norm(rows[:, None] - rows, axis=2)

    assert distances(points) == pytest.approx(distances(plane), abs=1e-12)


def test_projection_is_settled_in_sign_and_order(weights):
    points = project_2d(weights)
    assert (points.max(axis=0) > -points.min(axis=0)).all()
    assert project_2d(weights @ np.diag([-1.0] * 16)) == pytest.approx(points, abs=1e-9)
    assert points[:, 0].var() >= points[:, 1].var()
    assert np.array_equal(points, project_2d(weights))


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (5, 1), (2, 2)])
def test_projection_of_few_rows_or_columns(shape):
    points = project_2d(np.random.default_rng(0).normal(size=shape))
    assert points.shape == (shape[0], 2)
    assert np.isfinite(points).all()
    assert np.array_equal(project_2d(np.ones(shape)), np.zeros((shape[0], 2)))


@pytest.mark.parametrize("wrong", [np.zeros((0, 4)), np.zeros(4), [[np.nan]], [[np.inf]]])
def test_weights_that_are_not_a_matrix(wrong):
    with pytest.raises(ValueError, match="embedding weights"):
        project_2d(wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "legend"),
    [
        (PITCHES, {"C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#", "F"}),
        (INTERVALS, {"+12", "+5", "+1", "0", "-1", "-5", "-12"}),
        (["word", "C4"], None),
        (["C4"], {"C"}),
    ],
)
def test_figure_names_every_value(names, legend, weights, tmp_path):
    backend = mpl.get_backend()
    figure = embedding_figure(weights[: len(names)], names, title="Embedding of control-lstm-2")
    figure.savefig(tmp_path / "embedding.png")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == names
    assert axes.get_title() == "Embedding of control-lstm-2"
    found = axes.get_legend()
    assert (found and {text.get_text() for text in found.get_texts()}) == legend
    assert mpl.get_backend() == backend
    assert mpl.image.imread(tmp_path / "embedding.png").std() > 0


def test_figure_gives_a_pitch_class_one_colour(weights):
    (axes,) = embedding_figure(weights, PITCHES).axes
    colours = [tuple(colour) for colour in axes.collections[0].get_facecolors()]
    by_class = {}
    for name, colour in zip(PITCHES, colours, strict=True):
        by_class.setdefault(name.rstrip("0123456789"), set()).add(colour)
    assert all(len(found) == 1 for found in by_class.values())
    assert len(set.union(*by_class.values())) == 12


@pytest.mark.slow
def test_labels_do_not_cover_each_other(weights):
    figure = embedding_figure(weights, PITCHES)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    overlapping = sum(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert overlapping == 0


def test_projector_files_restore_the_weights(weights, tmp_path):
    weights = weights.astype(np.float32)
    tensors, metadata, config = write_projector(tmp_path / "projector", weights, PITCHES)
    assert np.array_equal(np.loadtxt(tensors, delimiter="\t", dtype=np.float32), weights)
    assert metadata.read_text(encoding="utf-8").splitlines() == PITCHES
    assert {path.name for path in tensors.parent.iterdir()} == {tensors.name, metadata.name, config.name}


def test_tensorboard_understands_the_projector_configuration(weights, tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector import projector_config_pb2

    *_, config = write_projector(tmp_path, weights, PITCHES)
    parsed = text_format.Parse(config.read_text(encoding="utf-8"), projector_config_pb2.ProjectorConfig())
    (embedding,) = parsed.embeddings
    assert (tmp_path / embedding.tensor_path).is_file()
    assert (tmp_path / embedding.metadata_path).is_file()


@pytest.mark.parametrize("names", [PITCHES[:-1], [*PITCHES[:-1], "a\tb"], [*PITCHES[:-1], ""]])
def test_names_that_do_not_fit_the_table(names, weights, tmp_path):
    with pytest.raises(ValueError, match="name"):
        write_projector(tmp_path / "projector", weights, names)
    assert not (tmp_path / "projector").exists()
