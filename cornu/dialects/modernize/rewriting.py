"""A script rewritten: its names and calls here, its imports in `imports`."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import libcst as cst

from cornu.dialects import generations, merge_calls, modules
from cornu.dialects.keras1 import FORMATS
from cornu.dialects.layers import HARD_SIGMOID
from cornu.dialects.modernize import arguments, imports
from cornu.dialects.modernize.calls import (
    FUNCTIONS,
    METHODS,
    OLD_ARGUMENTS,
    of_class,
    of_function,
    of_merge,
    of_method,
    optimizer_of,
)
from cornu.dialects.modernize.homes import Ref, of_today
from cornu.dialects.modernize.script import Script, dotted
from cornu.dialects.modernize.telling import Telling
from cornu.dialects.modernize.written import Code, Undecided, node_of, source
from cornu.dialects.old_classes import OldClass
from cornu.errors import UsageError

__all__ = ["Remark", "rewritten"]

Again = Callable[[tuple, dict[str, Any]], Telling | None]

UNSURE_METHODS = {"predict_proba", "test", "train", "summary", "load_weights"}
"""Methods that objects of other libraries have too: told of models alone."""

ASKS_ORDER = "image_dim_ordering"


class Remark(NamedTuple):
    """What was changed in a line, or could not be."""

    line: int
    text: str
    changed: bool = True


def rewritten(text: str, generation: str) -> tuple[str, list[Remark]]:
    """A script with today's spellings, and what was done to it, by lines.

    Raises UsageError for an unknown generation, and for what is no Python.
    """
    with generations.within(generation):
        try:
            script = Script(text)
        except cst.ParserSyntaxError as error:
            said = f"line {error.raw_line}: {error.message}"
            raise UsageError(
                "E-SCRIPT", f"the script is no Python that libcst reads: {said}"
            ) from None
        if not script.uses_keras:
            return text, []
        calls = Rewriter(script)
        module = script.module.visit(calls)
        module = imports.rewritten(module, script, calls.names, calls.say)
    return module.code, sorted(calls.remarks)


class Rewriter(cst.CSTTransformer):
    """Names and calls by today's spellings."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script
        self.names = imports.Names(script)
        self.remarks: list[Remark] = []
        self.compared: set[int] = set()
        self.starred = False
        """Whether the call in hand has a `*`, and is told by its keywords alone."""

    def say(self, node: cst.CSTNode | int, text: str, changed: bool = True) -> None:
        """Note what was changed, or could not be."""
        line = node if isinstance(node, int) else self.script.line(node)
        self.remarks.append(Remark(line, text, changed))

    # ------------------------------------------------------------ names

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> Any:
        full = self.script.name_of(original_node)
        if not full:
            return updated_node
        self.names.uses[original_node.value] += 1
        ref = self.script.ref(original_node)
        if ref is None or ref.home is None or ref.rest:
            return updated_node
        return self.names.local(original_node.value, ref) or updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> Any:
        ref = self.script.ref(original_node)
        if ref is None or ref.rest or ref.home is None:
            return updated_node
        base = self.script.ref(original_node.value)
        path, name = ref.home
        if base is None:  # `tf.keras`
            root = self.names.root()
            return updated_node if root is None else self._replaced(original_node, root)
        if not name:
            return self._of_module(ref, base, updated_node)
        if base.home == (path, ""):
            return updated_node.with_changes(attr=cst.Name(name))
        try:
            return self._replaced(original_node, self.names.reach(path, name, original_node))
        except Undecided as error:
            self.say(original_node, f"{source(original_node)}: {error}", False)
            return updated_node

    def _of_module(self, ref: Ref, base: Ref, node: cst.Attribute) -> cst.BaseExpression:
        home = ref.home[0] if ref.home else ""
        if base.home == (home, ""):
            return node.value
        above, _, last = home.rpartition(".")
        return node.with_changes(attr=cst.Name(last)) if base.home == (above, "") else node

    def _replaced(self, old: cst.BaseExpression, new: cst.BaseExpression) -> cst.BaseExpression:
        """`new`, where the import that `old` began with is used no more."""
        first = dotted(old).split(".")[0]
        if dotted(new).split(".")[0] != first:
            self.names.replaced[first] += 1
        return new

    # ------------------------------------------------------------ calls

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        plain = [arg for arg in updated_node.args if arg.keyword is None and arg.star != "**"]
        self.starred = any(arg.star for arg in plain)
        try:
            if not self.starred:
                return self._called(original_node, updated_node)
            bare = updated_node.with_changes(args=updated_node.args[len(plain) :])
            done: Any = self._called(original_node, bare)
            return updated_node if done is bare else done.with_changes(args=[*plain, *done.args])
        except Undecided as error:
            self.say(original_node, f"{source(original_node)} is left as it is: {error}", False)
        return updated_node

    def _called(self, old: cst.Call, new: cst.Call) -> cst.BaseExpression:
        ref = self.script.ref(old.func) or self.script.alias(old.func)
        if ref is not None and not ref.rest:
            return self._keras(old, new, ref)
        if isinstance(old.func, cst.Attribute) and old.func.attr.value in METHODS:
            return self._method(old, new, old.func)
        return new

    def _keras(self, old: cst.Call, new: cst.Call, ref: Ref) -> cst.BaseExpression:
        """A call of something of Keras."""
        read = self.script.value
        if ref.value in (merge_calls.merge, merge_calls.Merge):
            return self._merge(old, new, ref)
        if ref.name in FUNCTIONS and (callable(ref.value) or ref.value is None):
            return self._function(old, new, ref)
        if not isinstance(ref.value, (type, OldClass)):
            return new

        def tell(args: tuple, kwargs: dict[str, Any]) -> Telling | None:
            return of_class(ref.value, args, kwargs, self.script.formats_set)

        made = tell(*arguments.given(new.args, read))
        by_new_name = ref.value.__wrapped__ if isinstance(ref.value, OldClass) else ref.value
        if made is not None and not _is_old_name(ref):
            other = tell(*arguments.given(new.args, lambda node: read(node, False)))
            if other is None or self._texts(other) != self._texts(made):
                raise Undecided(
                    "which arguments are numbers shows only in a run; give them by name"
                )
        return self._finished(
            old, new, made, lambda a, k: of_class(by_new_name, a, k, self.script.formats_set)
        )

    def _function(self, old: cst.Call, new: cst.Call, ref: Ref) -> cst.BaseExpression:
        """A call of one of `FUNCTIONS`; where an order is compared, see `leave_Comparison`."""
        name, func = FUNCTIONS[ref.name].present, new.func
        today = of_today(modules.value(ref.path, name)) if ref.value is not None else None
        if ref.name == ASKS_ORDER:
            if id(old) not in self.compared:
                text = f"{source(old)} is {name}() today, which says '{FORMATS['th']}' for 'th'"
                self.say(old, f"{text}: left, for what is done with it is not seen", False)
            return new
        if name != ref.name and isinstance(func, cst.Attribute):
            func = func.with_changes(attr=cst.Name(name))
        elif name != ref.name:
            func = self._replaced(old.func, self.names.reach(ref.path, name, old.func))
        made = of_function(ref.name, today, *arguments.given(new.args, self.script.value))
        return self._finished(old, new, made, lambda a, k: None, func)

    def _texts(self, made: Telling) -> dict[str, str]:
        return arguments.texts(made.found, self._node)

    def _finished(
        self,
        old: cst.Call,
        new: cst.Call,
        made: Telling | None,
        again: Again,
        func: cst.BaseExpression | None = None,
    ) -> cst.BaseExpression:
        """The call as it is told; `again` tells what was written, to see whether it means that."""
        if made is None:
            return new
        if self.starred:
            made.found = {k: v for k, v in made.found.items() if k not in made.assumed}
        for arg in new.args:
            self._look_into(old, arg)
        args = arguments.written(new.args, made, self._node)
        if not self._means(args, made, again):
            args = arguments.written(new.args, made, self._node, named=True)
        done = new.with_changes(func=func or new.func, args=args)
        self._tell(old, new, done, made)
        return done

    def _look_into(self, old: cst.Call, arg: cst.Arg) -> None:
        """Say it where `**` of a dict of the script passes old names."""
        for value in self.script.facts.assigned.get(dotted(arg.value), ()) if arg.star else ():
            if isinstance(value, cst.Call):
                keys = {one.keyword.value for one in value.args if one.keyword is not None}
            else:
                found = None if value is None else self.script.value(value)
                keys = set(found) if isinstance(found, dict) else set()
            names = sorted(keys & OLD_ARGUMENTS)
            if names:
                text = f"{source(old)} gets {', '.join(names)} by **{dotted(arg.value)}"
                self.say(old, f"{text}: say it as today there", False)

    def _means(self, args: Sequence[cst.Arg], made: Telling, again: Again) -> bool:
        """Whether arguments as they are written will be told as they are meant."""
        try:
            second = again(*arguments.given(args, self.script.value))
        except Undecided:
            return False
        return second is None or self._texts(second) == self._texts(made)

    def _tell(self, old: cst.Call, new: cst.Call, done: Any, made: Telling) -> None:
        code = cst.Module([]).code_for_node
        if code(new) != code(done):
            why = f": {'; '.join(made.why)}" if made.why else ""
            more = [arg for arg in old.args if arg.keyword is None] if self.starred else []
            whole = done.with_changes(args=[*more, *done.args]) if more else done
            self.say(old, f"{source(old)} is {source(whole, 120)} today{why}")
        for note in made.notes:
            self.say(old, f"{source(old)}: {note}", False)

    # ------------------------------------------------------------ merging

    def _merge(self, old: cst.Call, new: cst.Call, ref: Ref) -> cst.BaseExpression:
        self._need_all()
        args, kwargs = arguments.given(new.args, self.script.value)
        made = of_merge(ref.name, args, kwargs, self.script.functions)
        func = self._replaced(old.func, self.names.reach("layers", made.name, old.func))
        if made.name != "Lambda":
            return self._finished(old, new, made, lambda a, k: None, func)
        inputs = made.found.pop("inputs", None)
        done = cst.Call(func, arguments.written(new.args, made, self._node, first="function"))
        if inputs is not None:
            done = cst.Call(done, [cst.Arg(self._node(inputs))])
        self._tell(old, new, done, made)
        return done

    def _need_all(self) -> None:
        if self.starred:
            raise Undecided("what its arguments are shows only in a run")

    # ------------------------------------------------------------ methods

    def _method(self, old: cst.Call, new: cst.Call, func: cst.Attribute) -> cst.BaseExpression:
        spoken = METHODS[func.attr.value]
        kind = self.script.kind(func.value)
        args, kwargs = arguments.given(new.args, self.script.value)
        if kind == "other" or (not kind and not self._of_keras_alone(spoken, kwargs)):
            return new
        receiver = dotted(func.value)
        extra: list[str] = []
        if (
            spoken.name == "compile"
            and self._accuracy(receiver)
            and not ("metrics" in kwargs or len(args) > 2)
        ):
            kwargs["metrics"] = ["accuracy"]
            extra.append("accuracy is asked for here, no longer in fit")
        made = of_method(spoken, kind == "Sequential", args, kwargs)
        if made is None:
            return new
        made.why += extra
        if "show_accuracy" in made.found:
            self._without_accuracy(old, made, receiver)
        if spoken.name == "compile":
            self._optimizer(made)
        if spoken.name == "predict_classes":
            return self._classes(old, new, made, receiver)

        def again(args: tuple, kwargs: dict[str, Any]) -> Telling | None:
            return of_method(METHODS[made.name], kind == "Sequential", args, kwargs)

        now: Any = new.func
        return self._finished(old, new, made, again, now.with_changes(attr=cst.Name(made.name)))

    def _of_keras_alone(self, spoken: Any, kwargs: dict[str, Any]) -> bool:
        """Whether a method, or its arguments, are such that only a model of Keras can be meant."""
        if spoken.name in UNSURE_METHODS:
            return False
        old = {name for row in spoken.rows for name in row.names()} - spoken.known
        return spoken.gone or any("_" in name for name in old & kwargs.keys())

    def _accuracy(self, receiver: str) -> bool:
        calls = self.script.facts.called.get(receiver, ())
        return any(
            arg.keyword is not None
            and arg.keyword.value == "show_accuracy"
            and dotted(arg.value) == "True"
            for call in calls
            for arg in call.args
        )

    def _without_accuracy(self, old: cst.Call, made: Telling, receiver: str) -> None:
        asked = made.found.pop("show_accuracy")
        made.why = [each for each in made.why if not each.startswith("show_accuracy")]
        made.why.append("show_accuracy is metrics=['accuracy'] in compile")
        compiled = [
            call
            for call in self.script.facts.called.get(receiver, ())
            if isinstance(call.func, cst.Attribute) and call.func.attr.value == "compile"
        ]
        if asked is not False and not compiled:
            note = "give metrics=['accuracy'] to compile, which is not seen here"
            made.notes.append(f"show_accuracy has gone: {note}")

    def _optimizer(self, made: Telling) -> None:
        """An optimizer by name whose defaults have changed, by its class."""
        name = made.found.get("optimizer")
        meant = optimizer_of(name)
        if meant is None:
            return
        made.notes += meant.notes
        if meant.found:
            func = self.names.reach("optimizers", meant.name)
            call = cst.Call(func, arguments.written([], meant, self._node))
            made.found["optimizer"] = Code(call)
            made.why += meant.why

    def _classes(
        self, old: cst.Call, new: cst.Call, made: Telling, receiver: str
    ) -> cst.BaseExpression:
        """Class numbers from what `predict` gives."""
        self._need_all()
        width = self.script.facts.widths.get(receiver, "")
        if not width:
            raise Undecided(
                "how many outputs there are is not seen. Today: .predict(x).argmax(axis=-1) for "
                'several classes, (.predict(x) > 0.5).astype("int32") for one output'
            )
        func: Any = new.func
        args = arguments.written(new.args, made, self._node)
        call = cst.Call(func.with_changes(attr=cst.Name(made.name)), args)
        if width == "many":
            axis = cst.parse_expression("x(axis=-1)")
            done: Any = cst.Call(cst.Attribute(call, cst.Name("argmax")), axis.args)  # pyright: ignore
        else:
            above = cst.parse_expression("(x > 0.5)").with_changes(left=call)
            kind = [cst.Arg(self._node("int32"))]
            done = cst.Call(cst.Attribute(above, cst.Name("astype")), kind)
        made.why.insert(0, "the class is the largest output, or whether the only one is above 0.5")
        self._tell(old, new, done, made)
        return done

    # ------------------------------------------------------------ orders of axes

    def visit_Comparison(self, node: cst.Comparison) -> None:
        for each in (node.left, *(part.comparator for part in node.comparisons)):
            if self._asks_order(each):
                self.compared.add(id(each))

    def _asks_order(self, node: Any) -> bool:
        called = isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute)
        ref = self.script.ref(node.func) if called else None
        return ref is not None and ref.name == ASKS_ORDER and not ref.rest

    def leave_Comparison(
        self, original_node: cst.Comparison, updated_node: cst.Comparison
    ) -> cst.BaseExpression:
        parts = (original_node.left, *(p.comparator for p in original_node.comparisons))
        if not any(self._asks_order(each) for each in parts):
            return updated_node
        now = [self._order_today(each) for each in updated_node.comparisons]
        done = updated_node.with_changes(
            left=self._format(updated_node.left),
            comparisons=now,
        )
        self.say(original_node, f"{source(original_node)} is {source(done)} today")
        return done

    def _order_today(self, part: cst.ComparisonTarget) -> cst.ComparisonTarget:
        return part.with_changes(comparator=self._format(part.comparator))

    def _format(self, node: Any) -> Any:
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
            if node.func.attr.value != ASKS_ORDER:
                return node
            name = cst.Name(FUNCTIONS[ASKS_ORDER].present)
            return node.with_changes(func=node.func.with_changes(attr=name))
        value = self.script.value(node)
        found = FORMATS.get(value) if isinstance(value, str) else None
        return node if found is None else self._node(found)

    # ------------------------------------------------------------ values

    def _node(self, value: Any) -> cst.BaseExpression:
        """A value as an expression."""
        if isinstance(value, str) and value == HARD_SIGMOID:
            self.names.needs_hard_sigmoid = True
            return cst.Name(imports.OLD_HARD)
        found = node_of(value, self._object, self.script.quote)
        if "math.ceil(" in source(found, 10_000):
            self.names.module("math")
        return found

    def _object(self, value: Any) -> cst.BaseExpression:
        """A call that makes an object of Keras."""
        fields = getattr(type(value), "fields", None)
        if fields is None:
            raise Undecided(f"{value!r} cannot be written")
        path = type(value).wire_module.removeprefix("keras").removeprefix(".")
        func = self.names.reach(path, type(value).__name__)
        said = {}
        for name, one in fields.items():
            now = getattr(value, name)
            if name != "name" and now is not one.default and now != one.default:
                said[name] = self._node(now)
        if len(said) == 1:
            return cst.Call(func, [cst.Arg(node) for node in said.values()])
        return cst.Call(
            func, [arguments._named(cst.Arg(node), k, node) for k, node in said.items()]
        )


def _is_old_name(ref: Ref) -> bool:
    return isinstance(ref.value, OldClass) or (ref.home is not None and ref.home[1] != ref.name)
