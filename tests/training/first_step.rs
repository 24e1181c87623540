//! At its first step every part of a network learns.

use gapwatch::model::{Network, Plan, presets};
use gapwatch::nn::from_vec;
use gapwatch::run::{Decay, ModelSpec, Optimizer};

#[test]
fn at_the_first_step_every_parameter_of_every_preset_gets_a_gradient_but_those_the_model_keeps_still()
 {
    // Two images of two classes, far from symmetric.
    let pixels = (0..2 * 3 * 64 * 64).map(|i| ((i * i) as f32 * 0.013).sin());
    let images = from_vec(pixels.collect(), (2, 3, 64, 64)).unwrap();
    for preset in presets() {
        let model = ModelSpec::Preset(preset.name.to_owned());
        let plan = Plan::new(&model, [3, 64, 64], 2).unwrap();
        let network = Network::new(&plan, 1, &candle_core::Device::Cpu).unwrap();
        let mut optimizer = network.optimizer(&Optimizer::Adam {
            lr: 0.001,
            weight_decay: 0.0,
            decay: Decay::All,
        });
        let step = network
            .step(&images, &[0, 1], 0, &mut optimizer, 0.001)
            .unwrap();
        let odd: Vec<_> = step.findings.iter().filter(|f| !f.by_structure).collect();
        assert!(odd.is_empty(), "{}: {odd:?}", preset.name);
        // Those kept still are biases before batch norm and weights of a state that is always zero, and no others.
        for finding in &step.findings {
            let name = &finding.parameter;
            assert!(
                name.ends_with(".bias") || name.contains(".weight_hh_"),
                "{name}"
            );
        }
    }
}
