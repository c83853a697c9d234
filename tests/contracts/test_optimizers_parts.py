"""Several optimizers for the parts of a model, and loss scaling that comes with a policy."""

import numpy as np
import pytest

from contracts.optimizers_table import Row, adam, assert_near, sgd, trained, values, variables
from cornu import Input, Sequential, engine, layers, optimizers, policy, saving, state, utils
from cornu.errors import UsageError, UsageTypeError
from cornu.optimizers import (
    SGD,
    Adam,
    LossScaleOptimizer,
    MultiOptimizer,
    OptimizerMap,
    RMSprop,
)

KERNEL, BIAS = ".*/kernel", "dense/bias"


def parts(**more):
    return MultiOptimizer(OptimizerMap(SGD(0.1), {KERNEL: Adam(0.05)}), **more)


# ---------------------------------------------------------------- what is done


def test_each_part_follows_its_own_rule():
    params, steps = values()
    kernel = Row("Adam", {}, adam).expected(params[:1], [s[:1] for s in steps])
    bias = Row("SGD", {}, sgd, lr=0.1).expected(params[1:], [s[1:] for s in steps])
    assert_near(trained(parts(), params, steps), [*kernel, *bias], 1e-5)


def test_each_part_clips_decays_and_accumulates_its_own():
    params, steps = values()
    chosen = OptimizerMap(SGD(0.1, weight_decay=0.5), {BIAS: SGD(0.2, clipnorm=0.3)})
    chosen[KERNEL] = SGD(0.1, gradient_accumulation_steps=3)
    found = trained(MultiOptimizer(chosen), params, steps)
    kernel, bias = params
    for i, (_, g) in enumerate(steps):
        bias = bias - 0.2 * g * min(1, 0.3 / np.linalg.norm(g))
        if i % 3 == 2:
            kernel = kernel - 0.1 * np.mean([k for k, _ in steps[i - 2 : i + 1]], axis=0)
    assert_near(found, [kernel, bias], 1e-6)


def test_averages_replace_only_the_parameters_of_their_part():
    params, steps = values(3)
    cells = variables(params)
    chosen = OptimizerMap(SGD(0.1), {BIAS: SGD(0.1, use_ema=True, ema_momentum=0.5)})
    optimizer = MultiOptimizer(chosen)
    for grads in steps:
        optimizer.apply([engine.array(g, "float32") for g in grads], cells)
    kernel, bias = params
    mean = None
    for k, b in steps:
        kernel, bias = kernel - 0.1 * k, bias - 0.1 * b
        mean = bias if mean is None else 0.5 * mean + 0.5 * bias
    assert_near([c.numpy() for c in cells], [kernel, bias], 1e-6)
    optimizer.finalize_variable_values(cells)
    assert_near([c.numpy() for c in cells], [kernel, mean], 1e-6)


def test_the_loss_is_scaled_once():
    params, steps = values()
    optimizer = MultiOptimizer(OptimizerMap(SGD(0.1, loss_scale_factor=4.0)), 8.0)
    assert float(optimizer.scale_loss(2.0)) == 16
    scaled = [[8 * g for g in grads] for grads in steps]
    assert_near(
        trained(optimizer, params, scaled),
        Row("SGD", {}, sgd, lr=0.1).expected(params, steps),
        1e-6,
    )


def test_a_part_without_gradients_stays_as_it_is():
    params, steps = values(1)
    cells = variables(params)
    optimizer = parts()
    optimizer.apply([None, engine.array(steps[0][1], "float32")], cells)
    assert_near([c.numpy() for c in cells], [params[0], params[1] - 0.1 * steps[0][1]], 1e-6)
    adam_, sgd_ = optimizer.optimizers
    assert [int(o.iterations) for o in (optimizer, adam_, sgd_)] == [1, 0, 1]
    with pytest.raises(UsageError, match="No gradients provided"):
        optimizer.apply([None, None], cells)


def test_a_function_may_choose():
    one, other = SGD(0.1), SGD(0.2)
    params, steps = values()
    optimizer = MultiOptimizer(lambda variable: one if variable.ndim == 2 else other)
    kernel = Row("SGD", {}, sgd, lr=0.1).expected(params[:1], [s[:1] for s in steps])
    bias = Row("SGD", {}, sgd, lr=0.2).expected(params[1:], [s[1:] for s in steps])
    assert_near(trained(optimizer, params, steps), [*kernel, *bias], 1e-6)
    assert optimizer.optimizers == [one, other]


# ---------------------------------------------------------------- what is said


def test_the_first_pattern_that_is_the_whole_path_counts():
    first, second, default = SGD(), Adam(), RMSprop()
    chosen = OptimizerMap(default, {".*/head/.*": first, "head/.*": second, "mid": first})

    def of(path):
        return chosen(state.Variable(0.0, path=path))

    assert of("head/kernel") is of("model/head/bias") is first
    assert of("mid/kernel") is of("heads/kernel") is default
    del chosen[".*/head/.*"]
    assert of("head/kernel") is second and of("model/head/bias") is default
    assert (len(chosen), list(chosen), "mid" in chosen) == (2, ["head/.*", "mid"], True)
    assert chosen["mid"] is first and chosen["none"] is default


def test_there_is_no_learning_rate_for_all():
    optimizer = parts()
    assert not hasattr(optimizer, "learning_rate")
    with pytest.raises(AttributeError, match="its parts have theirs"):
        optimizer.learning_rate = 0.1
    optimizer.optimizers[0].learning_rate = 0.5
    assert float(optimizer.optimizers[0].learning_rate) == 0.5


def test_variables_are_its_own_and_then_those_of_the_parts():
    optimizer = parts()
    optimizer.build(variables(values()[0]))
    assert [v.path for v in optimizer.variables] == [
        "multi_optimizer/iteration",
        "multi_optimizer/learning_rate",
        "adam/iteration",
        "adam/learning_rate",
        "adam/dense_kernel_momentum",
        "adam/dense_kernel_velocity",
        "sgd/iteration",
        "sgd/learning_rate",
    ]


def test_a_pattern_that_matches_nothing_is_told():
    optimizer = MultiOptimizer(OptimizerMap(SGD(), {"kernel": Adam()}))
    with pytest.warns(UserWarning, match='"kernel" is the path of no trainable.*dense/kernel'):
        optimizer.build(variables(values()[0]))


def choose(variable):
    return SGD(0.3)


def test_config_round_trip():
    optimizer = parts(loss_scale_factor=2.0, name="both")
    config = optimizers.serialize(optimizer)
    again = optimizers.deserialize(config)
    assert optimizers.serialize(again) == config
    assert [type(o) for o in again.optimizers] == [Adam, SGD]
    config = optimizers.serialize(MultiOptimizer(choose))
    again = optimizers.deserialize(config, {"choose": choose})
    assert again.optimizer_map is choose
    with pytest.raises(UsageError, match="the function 'choose' is needed"):
        optimizers.deserialize(config)


WRONG = [
    (lambda: MultiOptimizer(Adam()), "takes an OptimizerMap"),
    (lambda: MultiOptimizer({"a": Adam()}), "takes an OptimizerMap"),
    (lambda: OptimizerMap("sgd"), 'default_optimizer must be an Optimizer.*"?sgd'),
    (lambda: OptimizerMap(SGD(), {"a": "adam"}), 'the optimizer of "a" must be an Optimizer'),
    (lambda: OptimizerMap(SGD(), {3: SGD()}), "a key is a regular expression"),
    (lambda: OptimizerMap(SGD(), {"*": SGD()}), r'"\*" is no regular expression'),
    (
        lambda: OptimizerMap(SGD(), {"a": SGD()}).__setitem__("a", SGD()),
        '"a" already.*E-OPTIMIZER-MAP',
    ),
    (
        lambda: MultiOptimizer(lambda v: "adam").build(variables(values()[0])),
        "must be an Optimizer",
    ),
]


@pytest.mark.parametrize("call, message", WRONG, ids=[w[1] for w in WRONG])
def test_wrong_calls_say_what_would_work(call, message):
    with pytest.raises((UsageError, UsageTypeError), match=message):
        call()


# ---------------------------------------------------------------- in a model


def network(*middle):
    utils.set_random_seed(1)
    return Sequential([Input((3,)), layers.Dense(4, name="body"), layers.Dense(2, name="head")])


def data(rows=24, width=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, width)).astype("float32")
    return x, x[:, :2] - x[:, 1:]


def test_a_model_is_trained_saved_and_trained_on(tmp_path):
    x, y = data()
    model = network()
    model.compile(MultiOptimizer(OptimizerMap(SGD(0.1), {"head/.*": Adam(0.05)})), "mse")
    losses = model.fit(x, y, epochs=3, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras")
    pairs = zip(again.optimizer.variables, model.optimizer.variables, strict=True)
    assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)
    assert [int(o.iterations) for o in again.optimizer.optimizers] == [9, 9]
    for one in (model, again):
        one.fit(x, y, epochs=1, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_a_part_may_be_frozen_and_thawed():
    x, y = data()
    model = network()
    model.compile(MultiOptimizer(OptimizerMap(SGD(0.1), {"head/.*": Adam(0.05)})), "mse")
    model.fit(x, y, verbose=0)
    model.get_layer("head").trainable = False
    optimizer = model.optimizer
    model.compile(optimizer, "mse")
    before = model.get_layer("head").get_weights()
    model.fit(x, y, verbose=0)
    for a, b in zip(before, model.get_layer("head").get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert [int(o.iterations) for o in optimizer.optimizers] == [1, 2]


# ---------------------------------------------------------------- loss scaling by policy


@pytest.fixture
def half():
    policy.set_dtype_policy("mixed_float16")
    try:
        yield
    finally:
        policy.set_dtype_policy("float32")


def test_mixed_float16_scales_the_loss(half):
    model, inner = network(), SGD(0.1)
    model.compile(inner, "mse")
    assert isinstance(model.optimizer, LossScaleOptimizer)
    assert model.optimizer.inner_optimizer is inner
    model.optimizer.learning_rate = 0.2
    assert float(inner.learning_rate) == pytest.approx(0.2)
    own = LossScaleOptimizer(SGD(), initial_scale=8.0)
    model.compile(own, "mse")
    assert model.optimizer is own
    model.compile("sgd", "mse", auto_scale_loss=False)
    assert type(model.optimizer) is SGD


@pytest.mark.parametrize("name", ["float32", "mixed_bfloat16"])
def test_other_policies_do_not_scale(name):
    policy.set_dtype_policy(name)
    try:
        model = network()
    finally:
        policy.set_dtype_policy("float32")
    model.compile("sgd", "mse")
    assert type(model.optimizer) is SGD


def test_an_overflow_is_left_out_and_halves_the_scale(half):
    x, y = data()
    model = network()
    model.compile(SGD(0.1), "mse")
    model.fit(x, y, batch_size=24, verbose=0)
    assert float(model.optimizer.dynamic_scale) == 2**15
    before = model.get_weights()
    model.fit(x, 60000 * y, batch_size=24, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert float(model.optimizer.dynamic_scale) == 2**14
    assert int(model.optimizer.iterations) == 1
    model.fit(x, y, batch_size=24, verbose=0)
    assert int(model.optimizer.iterations) == 2
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_the_scale_is_saved(half, tmp_path):
    x, y = data()
    model = network()
    model.compile(LossScaleOptimizer(SGD(0.1), 8.0, dynamic_growth_steps=2), "mse")
    model.fit(x, y, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    again = saving.load_model(tmp_path / "model.keras").optimizer
    assert isinstance(again, LossScaleOptimizer)
    assert (float(again.dynamic_scale), int(again.step_counter)) == (16, 1)


@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16"])
def test_a_small_cnn_trains_in_half_precision(name):
    """Stripes against bars, which it tells apart after some steps."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 64)
    waves = np.sin(np.arange(8) * np.pi / 2 + rng.uniform(0, 6, (64, 1)))
    across = np.broadcast_to(waves[:, None], (64, 8, 8))
    x = np.where(y[:, None, None] == 1, across, np.swapaxes(across, 1, 2))[..., None]
    policy.set_dtype_policy(name)
    try:
        utils.set_random_seed(0)
        convolution = layers.Conv2D(6, 3, activation="relu")
        pooled = layers.GlobalAveragePooling2D()
        classes = layers.Dense(2, "softmax", dtype="float32")
        model = Sequential([Input((8, 8, 1)), convolution, pooled, classes])
    finally:
        policy.set_dtype_policy("float32")
    assert convolution.compute_dtype == name.removeprefix("mixed_")
    model.compile(Adam(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x.astype("float32"), y, epochs=25, batch_size=64, shuffle=False, verbose=0)
    found = model.evaluate(x.astype("float32"), y, verbose=0, return_dict=True)
    assert found["accuracy"] > 0.95
    assert all(v.dtype == "float32" for v in model.trainable_variables)
