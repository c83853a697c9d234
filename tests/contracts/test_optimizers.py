"""The contract of optimizers: every rule against float64 NumPy written from its formula.

A new optimizer adds a row to `optimizers_table.ROWS`; it then gets both precisions, zero gradients,
config round trip, half-precision parameters, and comparison with the peers that have it.
"""

import copy
import inspect
import pickle
from collections.abc import Callable

import numpy as np
import pytest

from contracts.checks import in_float64
from contracts.optimizers_table import (
    ROWS,
    SHAPES,
    WRAPPERS,
    Row,
    adam,
    adamw,
    assert_near,
    compiled,
    sgd,
    trained,
    values,
    variables,
)
from cornu import optimizers, state
from cornu.errors import UsageError, UsageTypeError
from cornu.optimizers import schedules
from cornu.state import Variable

every_row = pytest.mark.parametrize("row", ROWS, ids=str)


def test_every_optimizer_has_a_row():
    public = {
        name
        for name in optimizers.__all__
        if isinstance(getattr(optimizers, name), type) and name != "Optimizer"
    }
    assert public == {row.name for row in ROWS} | WRAPPERS


# ---------------------------------------------------------------- every row


@every_row
def test_the_rule_is_its_formula(row):
    params, steps = values()
    expected = row.expected(params, steps)
    assert max(np.max(np.abs(e - p)) for e, p in zip(expected, params, strict=True)) > 1e-3
    assert_near(trained(row.make(), params, steps), expected, 1e-6)


@every_row
def test_the_rule_is_its_formula_in_float64(row):
    params, steps = values()
    with in_float64():
        found = trained(row.make(), params, steps, "float64")
    assert_near(found, row.expected(params, steps), 1e-12)


@every_row
def test_zero_gradients_without_decay_change_nothing(row):
    params, _ = values()
    found = trained(row.make(), params, [[np.zeros(s) for s in SHAPES]] * 3)
    moved = max(np.max(np.abs(f - p)) for f, p in zip(found, params, strict=True))
    assert moved < 5e-7 if row.still else moved > 1e-5


@every_row
def test_config_round_trip(row):
    first = row.make(clipnorm=2.0, use_ema=True, ema_momentum=0.9, name="mine")
    config = optimizers.serialize(first)
    again = optimizers.deserialize(config)
    assert type(again) is type(first)
    assert again.get_config() == first.get_config()
    assert config["module"] == "keras.optimizers" and config["class_name"] == row.name
    inner = config["config"]
    said = {"learning_rate": row.lr, "clipnorm": 2.0, "ema_momentum": 0.9, "name": "mine"}
    assert {**inner, **said, **row.options} == inner
    plain = (str, int, float, bool, type(None))
    assert all(isinstance(value, plain) for value in inner.values())


@every_row
def test_half_precision_parameters_keep_their_dtype(row):
    params, steps = values(3)
    cells = variables(params, "bfloat16")
    optimizer = row.make()
    run = compiled(optimizer, cells)
    for grads in steps:
        run([g.astype("float32") for g in grads])
    assert {str(c.value.dtype) for c in cells} == {"bfloat16"}
    slots = [v for v in optimizer.variables[2:] if v.shape]
    assert {str(v.value.dtype) for v in slots} <= {"bfloat16"}
    for cell, value in zip(cells, row.expected(params, steps), strict=True):
        assert np.max(np.abs(np.asarray(cell.numpy(), "float64") - value)) < 0.06 * np.max(
            np.abs(value)
        )


# ---------------------------------------------------------------- what surrounds the rule


def by_hand(steps: list, params: list, lr: float, change: Callable) -> list:
    """Plain descent with gradients changed by `change` before each step."""
    for grads in steps:
        params = [p - lr * g for p, g in zip(params, change(grads), strict=True)]
    return params


def test_clipnorm_limits_each_gradient():
    params, steps = values()

    def change(grads):
        return [g * min(1.0, 1.5 / np.linalg.norm(g)) for g in grads]

    found = trained(optimizers.SGD(0.1, clipnorm=1.5), params, steps)
    assert_near(found, by_hand(steps, params, 0.1, change), 1e-6)


def test_global_clipnorm_limits_all_gradients_together():
    params, steps = values()

    def change(grads):
        norm = np.sqrt(sum(np.sum(g**2) for g in grads))
        return [g * min(1.0, 3.5 / norm) for g in grads]

    found = trained(optimizers.SGD(0.1, global_clipnorm=3.5), params, steps)
    assert_near(found, by_hand(steps, params, 0.1, change), 1e-6)


def test_clipvalue_limits_each_entry():
    params, steps = values()

    def change(grads):
        return [np.clip(g, -0.5, 0.5) for g in grads]

    found = trained(optimizers.SGD(0.1, clipvalue=0.5), params, steps)
    assert_near(found, by_hand(steps, params, 0.1, change), 1e-6)


def test_a_gradient_that_is_not_finite_is_not_clipped_into_a_step():
    params, steps = values(1)
    steps[0][0][0, 0] = np.inf
    found = trained(optimizers.SGD(0.1, global_clipnorm=1.0), params, steps)
    assert np.isnan(found[1]).all()


def test_zero_gradients_pass_every_clipping():
    params, _ = values()
    zeros = [[np.zeros(s) for s in SHAPES]]
    for clip in ("clipnorm", "clipvalue", "global_clipnorm"):
        assert_near(trained(optimizers.SGD(0.1, **{clip: 1.0}), params, zeros), params, 1e-7)


def test_weight_decay_is_decoupled_and_leaves_out_what_it_should():
    params, steps = values()
    optimizer = optimizers.Adam(0.05, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    row = Row("Adam", {}, adam)
    decayed = Row("AdamW", {"weight_decay": 0.1}, adamw)
    expected = [decayed.expected(params, steps)[0], row.expected(params, steps)[1]]
    assert_near(trained(optimizer, params, steps), expected, 1e-6)


def test_a_variable_can_be_excluded_from_decay_itself():
    params, steps = values(2)
    cells = variables(params)
    optimizer = optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[cells[0]])
    for grads in steps:
        optimizer.apply(grads, cells)
    expected = params[0] - 0.1 * steps[0][0] - 0.1 * steps[1][0]
    assert_near([cells[0].numpy()], [expected], 1e-6)
    decayed = params[1]
    for grads in steps:
        decayed = decayed * (1 - 0.05) - 0.1 * grads[1]
    assert_near([cells[1].numpy()], [decayed], 1e-6)


@pytest.mark.parametrize("every", [None, 3])
def test_moving_averages(every):
    params, steps = values(7)
    cells = variables(params)
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=every)
    run = compiled(optimizer, cells)
    expected, average = params, None
    for done, grads in enumerate(steps):
        run([g.astype("float32") for g in grads])
        expected = [p - 0.1 * g for p, g in zip(expected, grads, strict=True)]
        old = expected if average is None else average
        average = [0.8 * a + 0.2 * p for a, p in zip(old, expected, strict=True)]
        if every and (done + 1) % every == 0:
            expected = average
    assert_near([c.numpy() for c in cells], expected, 1e-6)
    optimizer.finalize_variable_values(cells)
    assert_near([c.numpy() for c in cells], average, 1e-6)


def test_a_constraint_follows_the_step():
    params, steps = values(4)
    cells = variables(params)
    cells[0].constraint = lambda w: w * (w >= 0)
    for grads in steps:
        optimizers.SGD(0.1).apply(grads, cells)
    kernel = params[0]
    for grads in steps:
        kernel = np.maximum(kernel - 0.1 * grads[0], 0)
    assert_near([cells[0].numpy()], [kernel], 1e-6)


@pytest.mark.parametrize("more", [{}, {"clipnorm": 0.7, "weight_decay": 0.1}], ids=["", "clipped"])
def test_accumulated_gradients_are_one_step_with_their_mean(more):
    params, steps = values(8)
    cells = variables(params)
    optimizer = optimizers.Adam(0.05, gradient_accumulation_steps=3, **more)
    run = compiled(optimizer, cells)
    seen = []
    for grads in steps:
        run([g.astype("float32") for g in grads])
        seen.append([c.numpy() for c in cells])
    merged = [[np.mean(gs, axis=0) for gs in zip(*steps[i : i + 3], strict=True)] for i in (0, 3)]
    assert_near(seen[1], params, 1e-7)
    assert_near(seen[2], trained(optimizers.Adam(0.05, **more), params, merged[:1]), 2e-6)
    assert_near(seen[7], trained(optimizers.Adam(0.05, **more), params, merged), 2e-6)
    assert int(optimizer.iterations) == 2


def test_a_fixed_loss_scale_is_taken_out_of_the_gradients():
    params, steps = values(2)
    optimizer = optimizers.SGD(0.1, loss_scale_factor=8.0)
    assert float(optimizer.scale_loss(np.float32(2.0))) == 16.0
    scaled = [[8 * g for g in grads] for grads in steps]
    expected = by_hand(steps, params, 0.1, lambda grads: grads)
    assert_near(trained(optimizer, params, scaled), expected, 1e-6)


# ---------------------------------------------------------------- hyper-parameters


def test_changing_numbers_compiles_nothing_anew():
    params, steps = values(4)
    cells = variables(params)
    optimizer = optimizers.SGD(0.1, momentum=0.5, clipvalue=1.0, weight_decay=0.01)
    run = compiled(optimizer, cells)
    expected, m = params, [0.0, 0.0]
    for lr, mu, most, wd, grads in zip(
        [0.1, 0.01, 0.5, 0.0],
        [0.5, 0.9, 0.1, 0.9],
        [1.0, 0.1, 0.5, 2.0],
        [0.01, 0, 0.5, 1],
        steps,
        strict=True,
    ):
        optimizer.learning_rate = lr
        optimizer.momentum = mu
        optimizer.clipvalue = most
        optimizer.weight_decay.assign(wd)
        run([g.astype("float32") for g in grads])
        clipped = [np.clip(g, -most, most) for g in grads]
        m = [mu * old - lr * g for old, g in zip(m, clipped, strict=True)]
        expected = [p * (1 - lr * wd) + step for p, step in zip(expected, m, strict=True)]
    assert run.traces == 1
    assert_near([c.numpy() for c in cells], expected, 1e-6)


def test_the_learning_rate_reads_as_a_variable():
    optimizer = optimizers.Adam(0.25)
    rate = optimizer.learning_rate
    assert isinstance(rate, Variable) and rate.shape == () and not rate.trainable
    assert float(rate) == 0.25 and rate.numpy() == np.float32(0.25)
    assert bool(rate > 0.2) and float(rate * 2) == 0.5 and float(1 - rate) == 0.75
    rate.assign(0.5)
    assert float(optimizer.learning_rate) == 0.5
    optimizer.learning_rate = np.float32(0.125)
    assert optimizer.learning_rate is rate and float(rate) == 0.125
    optimizer.learning_rate = 0.0
    assert float(rate) == 0.0


def test_a_schedule_is_followed_within_the_compiled_step():
    params, steps = values(6)
    cells = variables(params)
    optimizer = optimizers.SGD(schedules.InverseTimeDecay(0.5, 2, 0.7))
    run = compiled(optimizer, cells)
    for grads in steps:
        run([g.astype("float32") for g in grads])
    for t, grads in enumerate(steps):
        params = [p - 0.5 / (1 + 0.7 * t / 2) * g for p, g in zip(params, grads, strict=True)]
    assert run.traces == 1
    assert_near([c.numpy() for c in cells], params, 1e-6)
    assert float(optimizer.learning_rate) == pytest.approx(0.5 / (1 + 0.7 * 3))
    assert [v.name for v in optimizer.variables] == ["iteration"]
    with pytest.raises(UsageTypeError, match="Make the optimizer with a number"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = schedules.ExponentialDecay(0.1, 10, 0.5)
    config = optimizers.serialize(optimizer)["config"]["learning_rate"]
    assert config["class_name"] == "ExponentialDecay"
    assert config["module"] == "keras.optimizers.schedules"
    again = optimizers.get(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


def test_a_function_can_be_the_learning_rate():
    optimizer = optimizers.SGD(lambda: 0.125)
    assert optimizer.learning_rate == 0.125
    params, steps = values(2)
    expected = by_hand(steps, params, 0.125, lambda grads: grads)
    assert_near(trained(optimizer, params, steps), expected, 1e-6)


WRONG = [
    (lambda: optimizers.SGD(-1.0), UsageError, r"learning_rate must be > 0, got -1\.0\."),
    (lambda: optimizers.SGD(float("nan")), UsageError, "learning_rate must be > 0, got nan"),
    (lambda: optimizers.Adam("0.1"), UsageTypeError, "Write it without quotes"),
    (lambda: optimizers.Adam(True), UsageTypeError, "learning_rate must be a number"),
    (lambda: optimizers.Adam([0.1]), UsageTypeError, "learning_rate must be a number"),
    (lambda: optimizers.Adam(beta_1=1.5), UsageError, r"beta_1 must be in \[0, 1\]"),
    (lambda: optimizers.Adam(epsilon=None), UsageTypeError, "epsilon must be a number"),
    (lambda: optimizers.AdamW(weight_decay=None), UsageTypeError, "weight_decay must be a number"),
    (lambda: optimizers.SGD(momentum=-0.1), UsageError, "momentum must be in"),
    (lambda: optimizers.Ftrl(learning_rate_power=0.5), UsageError, "learning_rate_power must be"),
    (lambda: optimizers.Lion(beta_1=0.0), UsageError, "beta_1 must be in"),
    (lambda: optimizers.SGD(clipnorm=-1.0), UsageError, "clipnorm must be >= 0"),
    (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), UsageError, "only one of clipnorm"),
    (lambda: optimizers.SGD(gradient_accumulation_steps=1), UsageError, "must be >= 2"),
    (lambda: optimizers.SGD(ema_overwrite_frequency=0), UsageError, "must be >= 1"),
    (lambda: optimizers.Adam(learnin_rate=0.1), UsageTypeError, 'Did you mean "learning_rate"'),
    (lambda: optimizers.get("addam"), UsageError, 'Did you mean "adam"'),
    (lambda: optimizers.get(lambda: 1), UsageError, "optimizer must be a name"),
    (lambda: optimizers.get(3), UsageError, "optimizer must be a name"),
]


@pytest.mark.parametrize("call, error, message", WRONG, ids=[w[2] for w in WRONG])
def test_wrong_calls_say_what_would_work(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_zero_means_that_gradients_are_not_clipped():
    assert optimizers.SGD(clipnorm=0.0, clipvalue=0.5).clipnorm is None


# ---------------------------------------------------------------- state


def test_variables_have_the_order_and_the_paths_of_keras():
    """Read off Keras 3.15.1: saved files name these by their place."""
    cells = variables(values()[0])
    optimizer = optimizers.Adam(amsgrad=True, use_ema=True, gradient_accumulation_steps=2)
    optimizer.build(cells)
    both = ["dense_kernel", "dense_bias"]
    names = [
        "iteration",
        "learning_rate",
        *(f"{v}_average" for v in both),
        *(f"{v}_gradient_accumulator" for v in both),
        *(f"{v}_{slot}" for v in both for slot in ("momentum", "velocity")),
        *(f"{v}_velocity_hat" for v in both),
    ]
    assert [v.path for v in optimizer.variables] == [f"adam/{name}" for name in names]
    assert optimizer.variables[0].dtype == "int32"
    optimizer = optimizers.RMSprop(momentum=0.9, centered=True)
    optimizer.build(cells)
    slots = ("velocity", "momentum", "average_gradient")
    names = [f"{v}_{slot}" for slot in slots for v in both]
    assert [v.path for v in optimizer.variables[2:]] == [f"rm_sprop/{name}" for name in names]
    optimizer = optimizers.Adafactor()
    optimizer.build(cells)
    assert [(v.shape, v.dtype) for v in optimizer.variables[2:]] == [
        ((3,), "float32"),
        ((4,), "float32"),
        ((3, 4), "float32"),
        ((), "int32"),
        ((), "int32"),
        ((5,), "float32"),
    ]


def test_building_keeps_what_is_known():
    params, steps = values(3)
    kernel, bias = variables(params)
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    optimizer.build([kernel, bias])
    first = optimizer.variables
    optimizer.build([kernel, bias])
    assert [id(v) for v in optimizer.variables] == [id(v) for v in first]
    optimizer.apply(steps[0], [kernel, bias])
    optimizer.build([bias])  # the kernel is frozen, and thawed again
    assert [v.path for v in optimizer.variables[2:]] == ["sgd/dense_bias_momentum"]
    optimizer.apply([steps[1][1]], [bias])
    optimizer.build([kernel, bias])
    optimizer.apply(steps[2], [kernel, bias])
    row = Row("SGD", {"momentum": 0.9}, sgd, lr=0.1)
    thawed = row.expected(params[:1], [steps[0][:1], steps[2][:1]])
    assert_near([kernel.numpy()], thawed, 1e-6)
    assert_near([bias.numpy()], row.expected(params, steps)[1:], 1e-6)


def test_momentum_switched_on_later_gets_its_slot_at_the_next_build():
    params, steps = values(2)
    cells = variables(params)
    optimizer = optimizers.SGD(0.1)
    optimizer.apply(steps[0], cells)
    optimizer.momentum = 0.5
    optimizer.build(cells)
    optimizer.apply(steps[1], cells)
    expected = by_hand(steps, params, 0.1, lambda grads: grads)
    assert_near([c.numpy() for c in cells], expected, 1e-6)
    assert optimizer.variables[2].name == "dense_kernel_momentum"


def test_gradients_that_are_not_there():
    params, steps = values(1)
    cells = variables(params)
    optimizer = optimizers.Adam(0.1)
    with pytest.warns(UserWarning, match="dense/bias"):
        optimizer.apply([steps[0][0], None], cells)
    assert_near([cells[1].numpy()], [params[1]], 1e-7)
    assert int(optimizer.iterations) == 1
    with pytest.raises(UsageError, match="No gradients provided for any variable"):
        optimizer.apply([None, None], cells)
    with pytest.raises(UsageError, match="1 gradients for 2 variables"):
        optimizer.apply([steps[0][0]], cells)
    with pytest.raises(UsageError, match=r"optimizer\.build\(variables\)"):
        optimizers.Adam().apply(steps[0])


def test_eager_pairs_give_the_same_as_compiled_steps():
    params, steps = values(3)
    cells = variables(params)
    optimizer = optimizers.Nadam(0.05)
    for grads in steps:
        done = optimizer.apply_gradients(zip(grads, cells, strict=True))
    assert done is optimizer.iterations and int(done) == 3
    assert_near([c.numpy() for c in cells], trained(optimizers.Nadam(0.05), params, steps), 1e-6)


def test_stateless_apply_touches_nothing():
    params, steps = values(1)
    cells = variables(params)
    optimizer = optimizers.Adam(0.05)
    optimizer.build(cells)
    grads = [g.astype("float32") for g in steps[0]]
    before = [v.value for v in optimizer.variables]
    news, slots = optimizer.stateless_apply(before, grads, [c.value for c in cells])
    assert_near(news, Row("Adam", {}, adam).expected(params, steps), 1e-6)
    assert int(slots[0]) == 1 and int(optimizer.iterations) == 0
    assert_near([c.numpy() for c in cells], params, 1e-7)


def test_mixed_precision_updates_the_parameter_itself():
    params, steps = values(1)
    cells = variables(params)
    optimizer = optimizers.SGD(0.1)
    optimizer.build(cells)
    grads = [g.astype("float32") for g in steps[0]]
    bound = [*cells, *optimizer.variables, *optimizer.hyper_variables]
    step = state.pure(lambda: optimizer.apply(grads, cells), bound, dtype="bfloat16")
    _, news, _ = step([v.value for v in bound])
    assert_near(news[:2], by_hand(steps, params, 0.1, lambda g: g), 1e-6)


def test_state_can_be_copied_and_set():
    params, steps = values(4)
    cells = variables(params)
    optimizer = optimizers.Adam(0.05)
    for grads in steps[:2]:
        optimizer.apply(grads, cells)
    twin, twin_cells = copy.deepcopy((optimizer, cells))
    other, other_cells = pickle.loads(pickle.dumps((optimizer, cells)))
    fresh, fresh_cells = optimizers.Adam(0.05), variables([c.numpy() for c in cells])
    fresh.build(fresh_cells)
    fresh.set_weights([v.numpy() for v in optimizer.variables])
    expected = Row("Adam", {}, adam).expected(params, steps)
    for one, its in ((twin, twin_cells), (other, other_cells), (fresh, fresh_cells)):
        for grads in steps[2:]:
            one.apply(grads, its)
        assert_near([c.numpy() for c in its], expected, 1e-6)
    assert int(optimizer.iterations) == 2
    with pytest.raises(UsageError, match="has 6 variables; got 1 arrays"):
        fresh.set_weights([np.zeros(())])


# ---------------------------------------------------------------- names and signatures


@pytest.mark.parametrize("spelling", ["adamw", "AdamW", "adam_w", optimizers.AdamW])
def test_names_find_their_optimizer(spelling):
    assert type(optimizers.get(spelling)) is optimizers.AdamW


def test_get_leaves_objects_and_none_alone():
    optimizer = optimizers.SGD()
    assert optimizers.get(optimizer) is optimizer and optimizers.get(None) is None


SIGNATURES = {
    "SGD": "learning_rate momentum nesterov",
    "RMSprop": "learning_rate rho momentum epsilon centered",
    "Adam": "learning_rate beta_1 beta_2 epsilon amsgrad",
    "Ftrl": "learning_rate learning_rate_power initial_accumulator_value "
    "l1_regularization_strength l2_regularization_strength "
    "l2_shrinkage_regularization_strength beta",
}
SHARED = (
    "weight_decay clipnorm clipvalue global_clipnorm use_ema ema_momentum ema_overwrite_frequency "
    "loss_scale_factor gradient_accumulation_steps name"
)


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_come_in_the_order_of_keras(name):
    found = list(inspect.signature(getattr(optimizers, name)).parameters)
    assert found == f"{SIGNATURES[name]} {SHARED}".split()
