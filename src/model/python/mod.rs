//! A PyTorch module for a plan, whose `state_dict` has the names of our checkpoints.

mod tree;

use super::{Plan, PlannedLayer};
use crate::run::{AdaptivePool, Layer, Pair, Recurrent, SequenceOf};
use tree::Tree;

/// `load.py`: classifies a folder with `model.py` and a checkpoint beside it. The same for every network, as all that
/// differs is in the checkpoint's header.
pub const LOAD_PY: &str = include_str!("load.py");

/// `model.py` for a plan: `Network()` takes images (N, C, H, W) and gives scores (N, classes).
pub fn model_py(plan: &Plan) -> String {
    let places = plan.places();
    let modules: Vec<(&str, String)> = places
        .iter()
        .filter_map(|place| Some((place.layer.name.as_str(), module(place.layer)?)))
        .collect();
    let tree = Tree::new(&modules);
    let mut lines = Vec::new();
    steps(&plan.layers, "x", 0, &mut lines);
    let steps: String = lines
        .iter()
        .map(|line| format!("        {line}\n"))
        .collect();
    format!(
        r#""""The network of a Gapwatch run in PyTorch: {parameters} parameters, the names of its checkpoints.

    from safetensors.torch import load_file
    network = Network()
    network.load_state_dict(load_file("best.safetensors"))
"""
import torch
from torch import nn
from torch.nn import functional as F


class Network(nn.Module):
    """Images (N, {input}), float32, prepared as load.py does; gives (N, {classes}) scores before softmax."""

    def __init__(self) -> None:
        super().__init__()
{definitions}
    def forward(self, x: torch.Tensor) -> torch.Tensor:
{steps}        return x
"#,
        parameters = plan.parameters,
        input = numbers(&plan.input),
        classes = plan.classes,
        definitions = tree.definitions(),
    )
}

/// The module that holds a layer's weights; none where it has none.
fn module(layer: &PlannedLayer) -> Option<String> {
    let input = &layer.input;
    Some(match &layer.layer {
        Layer::Conv2d(c) => format!(
            "nn.Conv2d({}, {}, {}{}{}{})",
            input[0],
            c.out,
            pair(c.kernel),
            unless(
                c.stride == Pair::both(1),
                format!(", stride={}", pair(c.stride))
            ),
            unless(
                c.padding == Pair::both(0),
                format!(", padding={}", pair(c.padding))
            ),
            unless(c.bias, ", bias=False".to_owned()),
        ),
        Layer::BatchNorm(b) => format!(
            "nn.BatchNorm{}d({}, eps={}, momentum={})",
            if input.len() == 3 { 2 } else { 1 },
            input[0],
            b.eps,
            b.momentum
        ),
        Layer::Linear(l) => format!(
            "nn.Linear({}, {}{})",
            input[input.len() - 1],
            layer.output[layer.output.len() - 1],
            unless(l.bias, ", bias=False".to_owned()),
        ),
        Layer::GroupNorm(g) => format!("nn.GroupNorm({}, {}, eps={})", g.groups, input[0], g.eps),
        Layer::Lstm(l) => recurrent("LSTM", input[1], l),
        Layer::Gru(l) => recurrent("GRU", input[1], l),
        _ => return None,
    })
}

/// The lines of `forward` that apply a list of layers to the variable `x`, inside `depth` residual blocks.
fn steps(layers: &[PlannedLayer], x: &str, depth: usize, lines: &mut Vec<String>) {
    for layer in layers {
        let shape = tuple_of(&layer.output);
        if matches!(layer.layer, Layer::Residual(_)) {
            let skip = match depth {
                0 => "skip".to_owned(),
                _ => format!("skip{}", depth + 1),
            };
            lines.push(format!("{skip} = {x}"));
            steps(&layer.body, x, depth + 1, lines);
            steps(&layer.shortcut, &skip, depth + 1, lines);
            lines.push(format!("{x} = {x} + {skip}  # {shape}"));
        } else {
            let result = match &layer.layer {
                Layer::Lstm(_) | Layer::Gru(_) => format!("{x}, _"),
                _ => x.to_owned(),
            };
            lines.push(format!("{result} = {}  # {shape}", value(layer, x)));
        }
    }
}

/// What a layer makes of the variable `x`.
fn value(layer: &PlannedLayer, x: &str) -> String {
    let adaptive = |name: &str, pool: &AdaptivePool| {
        format!("F.adaptive_{name}_pool2d({x}, {})", tuple(pool.out))
    };
    match &layer.layer {
        Layer::Conv2d(_)
        | Layer::BatchNorm(_)
        | Layer::GroupNorm(_)
        | Layer::Linear(_)
        | Layer::Lstm(_)
        | Layer::Gru(_)
        | Layer::Residual(_) => format!("{}({x})", tree::access(&layer.name)),
        Layer::Relu => format!("F.relu({x})"),
        Layer::Gelu => format!("F.gelu({x})"),
        Layer::MaxPool(p) => format!(
            "F.max_pool2d({x}, {})",
            windows(p.kernel, p.stride, p.padding)
        ),
        Layer::AvgPool(p) => format!(
            "F.avg_pool2d({x}, {}{})",
            windows(p.kernel, p.stride, p.padding),
            unless(p.count_include_pad, ", count_include_pad=False".to_owned()),
        ),
        Layer::AdaptiveAvgPool(p) => adaptive("avg", p),
        Layer::AdaptiveMaxPool(p) => adaptive("max", p),
        Layer::Dropout(d) => format!("F.dropout({x}, {}, self.training)", d.p),
        Layer::Flatten => format!("{x}.flatten(1)"),
        Layer::Sequence(s) => match s.of {
            SequenceOf::One => format!("{x}.unsqueeze(1)"),
            SequenceOf::Columns => format!("{x}.permute(0, 3, 1, 2).flatten(2)"),
        },
        Layer::LastStep => format!("{x}[:, -1]"),
    }
}

/// The arguments of a pool over windows.
fn windows(kernel: Pair, stride: Option<Pair>, padding: Pair) -> String {
    format!(
        "{}, stride={}{}",
        pair(kernel),
        pair(stride.unwrap_or(kernel)),
        unless(
            padding == Pair::both(0),
            format!(", padding={}", pair(padding))
        ),
    )
}

fn recurrent(class: &str, features: usize, layers: &Recurrent) -> String {
    format!(
        "nn.{class}({features}, {}, num_layers={}, batch_first=True, bidirectional={})",
        layers.hidden,
        layers.layers,
        if layers.bidirectional {
            "True"
        } else {
            "False"
        },
    )
}

fn unless(default: bool, text: String) -> String {
    if default { String::new() } else { text }
}

/// `3` or `(3, 5)`.
fn pair(pair: Pair) -> String {
    if pair.height == pair.width {
        pair.height.to_string()
    } else {
        tuple(pair)
    }
}

fn tuple(pair: Pair) -> String {
    format!("({}, {})", pair.height, pair.width)
}

fn numbers(shape: &[usize]) -> String {
    let words: Vec<String> = shape.iter().map(usize::to_string).collect();
    words.join(", ")
}

fn tuple_of(shape: &[usize]) -> String {
    format!("(N, {})", numbers(shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::ModelSpec;
    use serde_json::json;

    #[test]
    fn the_questions_network_reads_like_the_questions() {
        let model = ModelSpec::Preset("cnn-bilstm".to_owned());
        let text = model_py(&Plan::new(&model, [3, 128, 256], 9).unwrap());
        for line in [
            "        self.layer1 = nn.ModuleDict({",
            "            \"0\": nn.Conv2d(3, 16, 3, padding=1),",
            "            \"1\": nn.BatchNorm2d(16, eps=0.00001, momentum=0.1),",
            "        self.flc = nn.Linear(4096, 1024)",
            "        self.blstm = nn.LSTM(1024, 9, num_layers=2, batch_first=True, bidirectional=True)",
            "        x = self.layer1[\"0\"](x)  # (N, 16, 128, 256)",
            "        x = F.max_pool2d(x, 2, stride=2)  # (N, 16, 64, 128)",
            "        x, _ = self.blstm(x)  # (N, 1, 18)",
            "        x = x[:, -1]  # (N, 18)",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn numbered_and_nested_layers_keep_their_names() {
        let layers = json!([
            {"conv2d": {"out": 4, "kernel": [3, 5], "stride": 2, "bias": false}},
            {"name": "a.b.c", "conv2d": {"out": 4, "kernel": 1}},
            {"name": "a.2", "batch_norm": {}},
            {"flatten": {}},
            {"linear": {}}
        ]);
        let model = ModelSpec::Layers(serde_json::from_value(layers).unwrap());
        let text = model_py(&Plan::new(&model, [1, 16, 16], 3).unwrap());
        for line in [
            "        self.add_module(\"0\", nn.Conv2d(1, 4, (3, 5), stride=2, bias=False))",
            "        self.a = nn.ModuleDict({",
            "            \"b\": nn.ModuleDict({",
            "                \"c\": nn.Conv2d(4, 4, 1),",
            "            \"2\": nn.BatchNorm2d(4, eps=0.00001, momentum=0.1),",
            "        x = self.get_submodule(\"0\")(x)  # (N, 4, 7, 6)",
            "        x = self.a[\"b\"][\"c\"](x)  # (N, 4, 7, 6)",
            "        x = self.get_submodule(\"4\")(x)  # (N, 3)",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_residual_block_reads_as_a_sum() {
        let layers = json!([
            {"name": "stage", "residual": {
                "layers": [{"conv2d": {"out": 4, "kernel": 3, "padding": 1, "stride": 2}}, {"residual": {"layers": [{"gelu": {}}]}}],
                "shortcut": [{"name": "match", "conv2d": {"out": 4, "kernel": 1, "stride": 2}}]
            }},
            {"flatten": {}},
            {"linear": {}}
        ]);
        let model = ModelSpec::Layers(serde_json::from_value(layers).unwrap());
        let text = model_py(&Plan::new(&model, [1, 8, 8], 3).unwrap());
        let steps = r#"        skip = x
        x = self.stage["body"]["0"](x)  # (N, 4, 4, 4)
        skip2 = x
        x = F.gelu(x)  # (N, 4, 4, 4)
        x = x + skip2  # (N, 4, 4, 4)
        skip = self.stage["shortcut"]["match"](skip)  # (N, 4, 4, 4)
        x = x + skip  # (N, 4, 4, 4)
"#;
        assert!(text.contains(steps), "{text}");
    }
}
