"""Every network under every tool of torch: what leaves the tool answers as the network does."""

import copy
import io
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, grad, jvp, stack_module_state, vmap
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.feature_extraction import create_feature_extractor

from alexnet_lib.models import MODEL_NAMES, build_model, config_ledger, to_two_towers
from alexnet_lib.paper.layers import ClassicDropout
from alexnet_lib.paper.network import PRESETS, AlexNet
from alexnet_lib.paper.optim import PaperSGD, parameter_groups

SLIM = {"widths": (8, 8, 8, 8, 8), "hidden_units": 8, "num_classes": 10}

# Slim, on the smallest pictures that leave every layer something to see.
CHANGES = {
    **{name: {**SLIM, "input_size": 15 if "cifar" in name else 63} for name in PRESETS},
    "four-layer": {"widths": (4, 4, 4), "input_size": 16},
    "conv-local": {
        "widths": (4, 4),
        "local_maps": (4, 4),
        "normalisation": "source2012",
        "input_size": 12,
    },
}
NETWORKS = (*MODEL_NAMES, "two-towers")

# Slim, the others differ from one of these in numbers alone; tools that take a second each do less.
UNLIKE = ("source2012", "cifar-lite", "plain", "four-layer", "conv-local", "two-towers")

pytestmark = [
    # torch's own words about its older tools, and what these say of themselves
    pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*(quantize_per|quant_min):UserWarning"),
    pytest.mark.filterwarnings("ignore:NOTE. The nodes obtained by tracing:UserWarning"),
]


def test_every_network_of_the_registry_is_here():
    assert set(MODEL_NAMES) == set(CHANGES)


def network(name: str) -> nn.Module:
    if name == "two-towers":
        config = replace(PRESETS["cifar"], **SLIM, input_size=15)
        return to_two_towers(AlexNet(config)).eval()
    return build_model(name, **CHANGES[name]).eval()


def pictures(model: nn.Module, count: int = 2) -> Tensor:
    side = model.config.input_size
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 50


def close(answer: Tensor, expected: Tensor, digits: float = 1e-4) -> None:
    scale = float(expected.detach().abs().max())
    torch.testing.assert_close(answer, expected, rtol=digits, atol=digits * scale + 1e-7)


# --- A network written down: the same answers, for batches of another size too ------------------


def exported(model: nn.Module, x: Tensor) -> Callable:
    count = torch.export.Dim("count", min=1, max=64)
    return torch.export.export(model, (x,), dynamic_shapes=({0: count},)).module()


def traced(model: nn.Module, x: Tensor) -> Callable:
    return torch.jit.trace(model, x)


def scripted(model: nn.Module, x: Tensor) -> Callable:
    return torch.jit.script(model)


def symbolic(model: nn.Module, x: Tensor) -> Callable:
    return torch.fx.symbolic_trace(model)


def extracted(model: nn.Module, x: Tensor) -> Callable:
    last = [name for name, _ in model.named_children()][-1]
    layers = {"conv1.tower_a" if hasattr(model.conv1, "tower_a") else "conv1": "early"}
    extractor = create_feature_extractor(model, {**layers, last: "logits"})
    assert extractor(x)["early"].ndim == 4
    return lambda pictures: extractor(pictures)["logits"]


WRITTEN = {
    "export": exported,
    "jit.trace": traced,
    "jit.script": scripted,
    "fx": symbolic,
    "create_feature_extractor": extracted,
}


@pytest.mark.parametrize(
    ("tool", "name"),
    [(tool, name) for tool in WRITTEN for name in (UNLIKE if tool == "export" else NETWORKS)],
)
def test_what_a_tool_writes_down_answers_as_the_network(tool, name):
    model = network(name)
    again = WRITTEN[tool](model, pictures(model))
    for count in (2, 3):
        x = pictures(model, count)
        close(again(x), model(x))


@pytest.mark.parametrize("name", UNLIKE)
def test_a_strict_export_answers_as_the_network(name):
    model = network(name)
    x = pictures(model)
    program = torch.export.export(model, (x,), strict=True)
    close(program.module()(x), model(x))
    names = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert all(name.startswith(("aten.", "<built-in")) for name in names)  # needs no alexnet_lib


@pytest.mark.parametrize("name", ["source2012", "conv-local"])
def test_a_compiled_step_has_no_break_and_the_same_gradients(name):
    """With `aot_eager`: torch's default, `inductor`, adds a C++ compiler and a minute a network."""
    torch._dynamo.reset()
    model = network(name).train()
    for layer in model.modules():
        if isinstance(layer, nn.Dropout | ClassicDropout):
            layer.p = 0.0  # a compiled mask is another one
    x = pictures(model)
    expected = torch.autograd.grad(model(x).square().sum(), list(model.parameters()))
    loss = torch.compile(model, fullgraph=True, backend="aot_eager")(x).square().sum()
    found = torch.autograd.grad(loss, list(model.parameters()))
    for mine, theirs in zip(found, expected, strict=True):
        close(mine, theirs, 1e-3)


@pytest.mark.parametrize("name", UNLIKE)
def test_a_compiled_network_has_no_break_and_answers_alike(name):
    torch._dynamo.reset()
    model = network(name)
    x = pictures(model)
    close(torch.compile(model, fullgraph=True, backend="eager")(x), model(x))


def test_a_compiled_update_has_no_break_and_is_not_compiled_anew_when_the_rate_drops():
    torch._dynamo.reset()
    counter, rate = CompileCounter(), torch.tensor(0.1)
    compiled, plain = (nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer, other = PaperSGD([compiled], lr=rate), PaperSGD([plain], lr=0.1)
    step = torch.compile(lambda: optimizer.step(), backend=counter, fullgraph=True)
    for number in range(5):
        compiled.grad, plain.grad = (torch.full((3,), float(number)) for _ in range(2))
        step()
        other.step()
        if number == 2:
            rate.mul_(0.1)
            other.param_groups[0]["lr"] *= 0.1
    torch.testing.assert_close(compiled, plain)
    assert counter.frame_count <= 2  # the first step, which makes the velocities, and all others


@pytest.mark.parametrize("name", ["source2012", "conv-local", "two-towers"])
def test_a_network_can_be_quantised_by_fx(name):
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    backends = torch.backends.quantized.supported_engines
    engine = next((e for e in ("fbgemm", "x86", "qnnpack") if e in backends), None)
    if engine is None:
        pytest.skip("this torch has no quantised kernels")
    model, before = network(name), torch.backends.quantized.engine
    x = pictures(model)
    try:
        torch.backends.quantized.engine = engine
        watched = prepare_fx(copy.deepcopy(model), get_default_qconfig_mapping(engine), (x,))
        watched(x)
        close(convert_fx(watched)(x), model(x), 0.3)  # 8 bits a number
    finally:
        torch.backends.quantized.engine = before


# --- ONNX ---------------------------------------------------------------------------------------


def onnx_answers(proto, x: Tensor) -> Tensor:
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(proto)
    return torch.from_numpy(session.run(None, {session.input_names[0]: x.numpy()})[0])


@pytest.mark.skipif(not find_spec("onnx"), reason="onnx is not installed")
@pytest.mark.filterwarnings("ignore")  # the old exporter says a lot about itself
@pytest.mark.parametrize("name", NETWORKS)
def test_the_older_onnx_exporter_writes_a_network_for_any_batch(name):
    import onnx

    model, buffer = network(name), io.BytesIO()
    axes = {"input_names": ["x"], "dynamic_axes": {"x": {0: "count"}}}
    torch.onnx.export(model, (pictures(model),), buffer, dynamo=False, **axes)
    for count in (2, 3):
        x = pictures(model, count)
        close(onnx_answers(onnx.load_from_string(buffer.getvalue()), x), model(x).detach())


@pytest.mark.skipif(not find_spec("onnxscript"), reason="onnxscript is not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNLIKE)
def test_the_newer_onnx_exporter_writes_a_network_for_any_batch(name):
    model = network(name)
    shapes = ({0: torch.export.Dim("count", min=1, max=64)},)
    x = (pictures(model),)
    program = torch.onnx.export(model, x, dynamo=True, dynamic_shapes=shapes, verbose=False)
    for count in (2, 3):
        x = pictures(model, count)
        close(onnx_answers(program.model_proto, x), model(x).detach())


# --- A network without numbers ------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_and_backward_run_where_there_are_no_numbers(name):
    model = network(name)
    x = pictures(model)
    bare = copy.deepcopy(model).to("meta")
    logits = bare(x.to("meta"))
    logits.sum().backward()
    assert logits.shape == (2, 10)
    with FakeTensorMode(allow_non_fake_inputs=True) as fakes:
        logits = model(fakes.from_tensor(x))
        logits.sum().backward()
    assert logits.shape == (2, 10) and logits.device.type == "cpu"


class NothingIsRead(TorchDispatchMode):
    """On a GPU every number that Python asks for is a wait; here it is an error."""

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        assert operator is not torch.ops.aten._local_scalar_dense.default, "a value was read"
        return operator(*args, **(kwargs or {}))


@pytest.mark.parametrize("rate", [1e-6, torch.tensor(1e-6)], ids=["number", "tensor"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_reads_no_number(name, rate):
    model = network(name).train()
    optimizer = PaperSGD([{**group, "lr": rate} for group in parameter_groups(model)])
    x, labels = pictures(model), torch.tensor([1, 2])
    with NothingIsRead():
        for _ in range(2):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
        with pytest.raises(AssertionError, match="a value was read"):
            float(x.sum())


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_flops_are_counted_as_the_ledger_counts_them_at_full_size(name):
    with torch.device("meta"):
        model = build_model(name).eval()
        x = torch.empty(1, 3, model.config.input_size, model.config.input_size)
    with FlopCounterMode(display=False) as counter:
        model(x)
    kinds = ("convolution", "locally connected", "dense")  # a norm has no matrix product to count
    macs = sum(row.macs for row in config_ledger(model.config).rows if row.kind in kinds)
    assert counter.get_total_flops() == 2 * macs


# --- torch.func ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_each_picture_are_those_of_a_batch_of_one(name):
    model = network(name)
    x, weights = pictures(model), dict(model.named_parameters())

    def loss(weights: dict, picture: Tensor) -> Tensor:
        return functional_call(model, weights, (picture[None],)).square().sum()

    each = vmap(grad(loss), in_dims=(None, 0))(weights, x)
    for index, picture in enumerate(x):
        alone = torch.autograd.grad(loss(weights, picture), list(weights.values()))
        for one, expected in zip(each.values(), alone, strict=True):
            close(one[index], expected, 1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_ensemble_runs_as_one_network(name):
    members = [network(name) for _ in range(2)]
    with torch.no_grad():
        for parameter in members[1].parameters():
            parameter.mul_(1.1)
    x, stacked = pictures(members[0]), stack_module_state(members)
    together = vmap(lambda *state: functional_call(members[0], state, (x,)))(*stacked)
    for logits, member in zip(together, members, strict=True):
        close(logits, member(x))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_slope_along_the_input_is_the_difference_quotient(name):
    model = network(name).double()
    x, step = pictures(model).double(), 1e-5
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).double()
    _, slope = jvp(model, (x,), (direction,))
    quotient = (model(x + step * direction) - model(x - step * direction)) / (2 * step)
    close(slope, quotient, 1e-4)


@pytest.mark.parametrize("name", ["source2012", "cifar-lite", "conv-local"])
def test_products_with_the_second_derivative_are_right(name):
    """Hessian times a direction in the weights, against differences of gradients in float64."""
    model = network(name).double()
    x, weights = pictures(model).double(), list(model.parameters())
    source = torch.Generator().manual_seed(1)
    direction = [torch.randn(w.shape, generator=source).double() for w in weights]

    def gradients(graph: bool = False) -> tuple[Tensor, ...]:
        loss = model(x).square().sum()
        return torch.autograd.grad(loss, weights, create_graph=graph)

    slope = sum((g * d).sum() for g, d in zip(gradients(True), direction, strict=True))
    product = torch.autograd.grad(slope, weights)
    ends, step = [], 1e-7
    for sign in (step, -2 * step):
        with torch.no_grad():
            for w, d in zip(weights, direction, strict=True):
                w.add_(d, alpha=sign)
        ends.append(gradients())
    for mine, after, before in zip(product, *ends, strict=True):
        close(mine, (after - before) / (2 * step), 1e-3)
