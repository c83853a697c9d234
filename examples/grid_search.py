"""A network in scikit-learn: a pipeline, scores by cross-validation, a search for its best size.

Run it with `python examples/grid_search.py`. It needs the extra `sklearn`:
`pip install "cornu[sklearn]"`. The data ship with Cornu: 150 flowers of three kinds, by four
lengths each.
"""

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import cornu as keras
from cornu.datasets import iris
from cornu.wrappers import SKLearnClassifier


def make(X, y, units=8, rate=0.02):
    """A compiled model for flowers `X`, (samples, 4), and columns of classes `y`, (samples, 3)."""
    keras.utils.set_random_seed(7)  # every fit begins with the same weights
    model = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            keras.layers.Dense(units, "relu"),
            keras.layers.Dense(y.shape[1], "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy")
    return model


def main() -> float:
    """Score, search, and judge by flowers that the search never saw; returns that accuracy."""
    (x_train, y_train), (x_test, y_test) = iris.load_data(test_split=0.3)
    names = np.array(iris.CLASSES)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)

    network = SKLearnClassifier(make, fit_kwargs={"epochs": 15, "batch_size": 16})
    pipeline = make_pipeline(StandardScaler(), network)
    scores = cross_val_score(pipeline, x_train, names[y_train], cv=folds)
    print(f"accuracy of 8 units, by 3 folds: {scores.mean():.3f} (±{scores.std():.3f})")

    grid = {
        "sklearnclassifier__model__units": [2, 16],  # arguments of `make`
        "sklearnclassifier__fit__epochs": [2, 20],  # arguments of `Model.fit`
    }
    search = GridSearchCV(pipeline, grid, cv=folds).fit(x_train, names[y_train])
    for said, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        units, epochs = (said[name] for name in grid)
        print(f"{units:2d} units, {epochs:2d} epochs: {score:.3f}")

    accuracy = search.score(x_test, names[y_test])
    print(f"best on {len(x_test)} flowers that it never saw: {accuracy:.3f}")
    print("they are called", ", ".join(search.predict(x_test[:3])))
    return accuracy


if __name__ == "__main__":
    main()
