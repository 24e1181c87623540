//! Remedies in the network: its own layers with one thing changed.

use super::remedy::Remediable;
use crate::diagnose::probes::small_network;
use crate::model::{PlannedLayer, plan_for, preset};
use crate::run::{
    AdaptivePool, Conv2d, Dropout, GroupNorm, Layer, LayerSpec, Linear, ModelSpec, Pair, RunSpec,
    SequenceOf, Split,
};

/// Global pooling leaves the classifier one number a channel: as many as the small network has, at least.
const LEAST_CHANNELS: usize = 32;
const DROPOUT: f64 = 0.5;
/// Groups of a group norm at most.
const MOST_GROUPS: usize = 8;

/// The small network, as the probe that asks about it trains it.
pub(super) fn baseline(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    small_network(spec, case.index.of(Split::Train).count());
    Some(())
}

/// The run's own convolutions without dropout, the maximum of each channel over the whole image, one linear layer. Where nothing of the
/// network looks at images, the small network.
pub(super) fn global_pooling(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let own = layers(&spec.model)?;
    let plan = plan_for(spec, case.index.classes.len()).ok()?;
    let flat = plan
        .layers
        .iter()
        .position(|layer| layer.output.len() != 3)?;
    let (body, head) = own.split_at(flat);
    if !body.iter().any(has_convolution) {
        return baseline(case, spec);
    }
    let pools_globally = plan.layers[..flat]
        .last()
        .is_some_and(|last| last.output[1..] == [1, 1]);
    let hidden = |spec: &&LayerSpec| {
        matches!(
            spec.layer,
            Layer::Linear(_) | Layer::Lstm(_) | Layer::Gru(_)
        )
    };
    if pools_globally && head.iter().filter(hidden).count() == 1 {
        return None;
    }
    let mut body = body.to_vec();
    // With little left to learn by heart dropout only slows learning: the maximum over an image is often what was dropped.
    leave_dropout_out(&mut body);
    while body.last().is_some_and(is_adaptive_pool) {
        body.pop();
    }
    let end = [
        unnamed(Layer::AdaptiveMaxPool(AdaptivePool { out: Pair::both(1) })),
        unnamed(Layer::Flatten),
        LayerSpec {
            name: head.last()?.name.clone(),
            layer: Layer::Linear(Linear {
                out: None,
                bias: true,
            }),
        },
    ];
    let mut wide = body.clone();
    if let Some(last) = wide.iter_mut().rev().find_map(convolution) {
        last.out = last.out.max(LEAST_CHANNELS);
    }
    // What follows the last convolution may want its channels as they are.
    for body in [wide, body] {
        let layers = body.into_iter().chain(end.clone()).collect();
        spec.model = ModelSpec::Layers(layers);
        if plan_for(spec, case.index.classes.len()).is_ok() {
            return Some(());
        }
    }
    None
}

/// Leaves out recurrent layers over a sequence of one step; a rectifier takes their place.
pub(super) fn drop_recurrent_head(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let own = layers(&spec.model)?;
    let one_step =
        |spec: &LayerSpec| matches!(&spec.layer, Layer::Sequence(s) if s.of == SequenceOf::One);
    let start = own.iter().position(one_step)?;
    let mut kept = own[..start].to_vec();
    let mut rectified = false;
    for layer in own.into_iter().skip(start + 1) {
        match layer.layer {
            Layer::Lstm(_) | Layer::Gru(_) => {
                if !rectified {
                    kept.push(unnamed(Layer::Relu));
                }
                rectified = true;
            }
            Layer::LastStep => {}
            _ => kept.push(layer),
        }
    }
    spec.model = ModelSpec::Layers(kept);
    rectified.then_some(())
}

/// Half as many channels and hidden units everywhere but in the last layer.
pub(super) fn fewer_channels(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let mut own = layers(&spec.model)?;
    let (_, before_last) = own.split_last_mut()?;
    each(before_last, &mut |layer| {
        let half = |n: &mut usize| *n = n.div_ceil(2);
        match layer {
            Layer::Conv2d(conv) => half(&mut conv.out),
            Layer::Linear(Linear { out: Some(out), .. }) => half(out),
            Layer::Lstm(recurrent) | Layer::Gru(recurrent) => half(&mut recurrent.hidden),
            Layer::GroupNorm(norm) => half(&mut norm.groups),
            _ => {}
        }
    });
    spec.model = ModelSpec::Layers(own);
    Some(())
}

/// Dropout before the last layer with weights; what is there already is raised.
pub(super) fn dropout(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let mut own = layers(&spec.model)?;
    let last = own
        .iter()
        .rposition(|l| matches!(l.layer, Layer::Linear(_)))?;
    let passes = |layer: &Layer| matches!(layer, Layer::Flatten | Layer::Dropout(_));
    let before = own[..last].iter_mut().rev();
    let there = before
        .take_while(|spec| passes(&spec.layer))
        .find_map(|spec| match &mut spec.layer {
            Layer::Dropout(dropout) => Some(dropout),
            _ => None,
        });
    match there {
        Some(dropout) => dropout.p = dropout.p.max(DROPOUT),
        None => own.insert(last, unnamed(Layer::Dropout(Dropout { p: DROPOUT }))),
    }
    spec.model = ModelSpec::Layers(own);
    Some(())
}

/// Half of every dropout.
pub(super) fn lower_dropout(_: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let mut own = layers(&spec.model)?;
    let mut lowered = false;
    each(&mut own, &mut |layer| {
        if let Layer::Dropout(dropout) = layer {
            dropout.p /= 2.0;
            lowered = true;
        }
    });
    spec.model = ModelSpec::Layers(own);
    lowered.then_some(())
}

pub(super) fn group_norm(case: &Remediable, spec: &mut RunSpec) -> Option<()> {
    let mut own = layers(&spec.model)?;
    let plan = plan_for(spec, case.index.classes.len()).ok()?;
    let found = replace_batch_norm(&mut own, &plan.layers);
    spec.model = ModelSpec::Layers(own);
    found.then_some(())
}

/// True where there was a batch norm.
fn replace_batch_norm(specs: &mut [LayerSpec], planned: &[PlannedLayer]) -> bool {
    let mut found = false;
    for (spec, planned) in specs.iter_mut().zip(planned) {
        match &mut spec.layer {
            Layer::BatchNorm(norm) => {
                let (channels, eps) = (planned.input[0], norm.eps);
                // Groups of two channels at least: one alone loses what it says on average.
                let fits =
                    |groups: &usize| channels.is_multiple_of(*groups) && 2 * groups <= channels;
                let groups = (2..=MOST_GROUPS).rev().find(fits).unwrap_or(1);
                spec.layer = Layer::GroupNorm(GroupNorm { groups, eps });
                found = true;
            }
            Layer::Residual(block) => {
                found |= replace_batch_norm(&mut block.layers, &planned.body);
                found |= replace_batch_norm(&mut block.shortcut, &planned.shortcut);
            }
            _ => {}
        }
    }
    found
}

/// A network's layers; those of its preset where it is named by one.
fn layers(model: &ModelSpec) -> Option<Vec<LayerSpec>> {
    match model {
        ModelSpec::Layers(layers) => Some(layers.clone()),
        ModelSpec::Preset(name) => Some(preset(name)?.layers.clone()),
    }
}

fn unnamed(layer: Layer) -> LayerSpec {
    LayerSpec { name: None, layer }
}

fn has_convolution(spec: &LayerSpec) -> bool {
    match &spec.layer {
        Layer::Conv2d(_) => true,
        Layer::Residual(block) => block.layers.iter().any(has_convolution),
        _ => false,
    }
}

fn convolution(spec: &mut LayerSpec) -> Option<&mut Conv2d> {
    match &mut spec.layer {
        Layer::Conv2d(conv) => Some(conv),
        _ => None,
    }
}

fn is_adaptive_pool(spec: &LayerSpec) -> bool {
    matches!(
        spec.layer,
        Layer::AdaptiveMaxPool(_) | Layer::AdaptiveAvgPool(_)
    )
}

/// Those inside residual blocks too.
fn leave_dropout_out(specs: &mut Vec<LayerSpec>) {
    specs.retain(|spec| !matches!(spec.layer, Layer::Dropout(_)));
    for spec in specs {
        if let Layer::Residual(block) = &mut spec.layer {
            leave_dropout_out(&mut block.layers);
        }
    }
}

/// Calls `f` with every layer, those inside residual blocks too.
fn each(specs: &mut [LayerSpec], f: &mut dyn FnMut(&mut Layer)) {
    for spec in specs {
        if let Layer::Residual(block) = &mut spec.layer {
            each(&mut block.layers, f);
            each(&mut block.shortcut, f);
        }
        f(&mut spec.layer);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::*;
    use super::*;
    use crate::diagnose::finding::Cause;
    use serde_json::json;

    #[test]
    fn global_pooling_keeps_the_convolutions_and_leaves_nothing_else_to_learn_by_heart() {
        let run = spec(json!({"model": {"preset": "cnn-bilstm"}}));
        let (id, pooled) = first(Cause::Memorisation, &run, &[]).unwrap();
        assert_eq!(id, "global-pooling");
        let kinds: Vec<&str> = layers_of(&pooled).iter().map(|l| l.layer.kind()).collect();
        assert_eq!(
            kinds[kinds.len() - 3..],
            ["adaptive_max_pool", "flatten", "linear"]
        );
        assert_eq!(kinds.iter().filter(|kind| **kind == "conv2d").count(), 3);
        assert!(!kinds.contains(&"lstm") && !kinds.contains(&"dropout"));
        assert_eq!(pooled.train, run.train);
        assert!(plan_for(&pooled, 3).unwrap().parameters < 20_000);
        // What is done already is not done again.
        let (id, _) = first(Cause::Memorisation, &pooled, &[]).unwrap();
        assert_eq!(id, "use-baseline");
    }

    #[test]
    fn a_network_without_convolutions_gives_way_to_the_small_one() {
        let run = spec(json!({"model": {"preset": "mlp"}, "train": {"epochs": 4}}));
        for cause in [Cause::Memorisation, Cause::WeakerThanBaseline] {
            let (_, pooled) = first(cause, &run, &[]).unwrap();
            assert_eq!(pooled.model, ModelSpec::Preset("cnn-gap".to_owned()));
            assert_eq!(pooled.train.optimizer.lr(), 1e-3);
            // An epoch of so few images is two steps, and the small network is to have 400.
            assert_eq!(pooled.train.epochs, 200);
        }
    }

    #[test]
    fn fewer_channels_are_half_of_them_but_for_the_classes() {
        let run = spec(json!({"model": {"preset": "cnn-flat"}}));
        let halved = by_id("fewer-channels", &run, &[]).unwrap();
        let outs: Vec<usize> = layers_of(&halved)
            .iter()
            .filter_map(|l| match &l.layer {
                Layer::Conv2d(conv) => Some(conv.out),
                _ => None,
            })
            .collect();
        assert_eq!(outs, [8, 16, 16]);
    }

    #[test]
    fn a_recurrent_head_over_one_step_is_left_out_and_one_over_columns_is_not() {
        let run = spec(json!({"model": {"preset": "cnn-bilstm"}}));
        let without = by_id("drop-recurrent-head", &run, &[]).unwrap();
        let kinds: Vec<&str> = layers_of(&without).iter().map(|l| l.layer.kind()).collect();
        assert_eq!(
            kinds[kinds.len() - 4..],
            ["flatten", "linear", "relu", "linear"]
        );
        let run = spec(json!({"model": {"preset": "crnn"}}));
        assert_eq!(by_id("drop-recurrent-head", &run, &[]), None);
    }

    #[test]
    fn group_norm_stands_wherever_batch_norm_stood_inside_blocks_too() {
        let run = spec(json!({"model": {"preset": "resnet-small"}}));
        let spec = by_id("group-norm", &run, &[]).unwrap();
        let plan = plan_for(&spec, 3).unwrap();
        let count = |kind: &str| {
            plan.places()
                .iter()
                .filter(|p| p.layer.kind == kind)
                .count()
        };
        assert_eq!((count("batch_norm"), count("group_norm")), (0, 9));
        let plain = self::spec(json!({"model": {"preset": "mlp"}}));
        assert_eq!(by_id("group-norm", &plain, &[]), None);
        assert_eq!(by_id("recalibrate-batch-norm", &plain, &[]), None);
    }

    #[test]
    fn a_pool_of_features_by_places_becomes_a_global_one() {
        let run = spec(json!({"model": {"layers": [
            {"conv2d": {"out": 16, "kernel": 3, "padding": 1}}, {"relu": {}}, {"adaptive_max_pool": {"out": 4}},
            {"flatten": {}}, {"name": "classifier", "linear": {}}
        ]}}));
        let pooled = by_id("global-pooling", &run, &[]).unwrap();
        let one = Layer::AdaptiveMaxPool(AdaptivePool {
            out: crate::run::Pair::both(1),
        });
        assert_eq!(
            layers_of(&pooled).iter().filter(|l| l.layer == one).count(),
            1
        );
        assert_eq!(layers_of(&pooled).len(), 5);
        assert_eq!(layers_of(&pooled)[4].name.as_deref(), Some("classifier"));
        assert!(matches!(&layers_of(&pooled)[0].layer, Layer::Conv2d(conv) if conv.out == 32));
    }
}
