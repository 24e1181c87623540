//! Where a layer stands: what comes before and after it, inside residual blocks too.

use super::{Plan, PlannedLayer};

/// A layer of a plan in its place.
pub struct Place<'a> {
    pub layer: &'a PlannedLayer,
    /// In the network's own list: the layer's position, or that of the block which it is in.
    pub position: usize,
    /// How many residual blocks are around it.
    pub depth: usize,
    /// What comes before it in its own list.
    pub before: &'a [PlannedLayer],
    /// What comes after it: the rest of its list, then of the list that its block is in, and so on.
    after: Vec<&'a [PlannedLayer]>,
}

impl<'a> Place<'a> {
    /// What its result goes into: in a block the last layer's goes into the sum, and what follows the block follows it.
    pub fn next(&self) -> Option<&'a PlannedLayer> {
        self.after().next()
    }

    /// What comes after it in its own list.
    pub fn rest_of_list(&self) -> &'a [PlannedLayer] {
        self.after.first().copied().unwrap_or_default()
    }

    /// All that comes after it, a block counting as one.
    pub fn after(&self) -> impl Iterator<Item = &'a PlannedLayer> {
        self.after.iter().copied().flatten()
    }
}

impl PlannedLayer {
    /// The layer and, of a residual block, all that is inside it.
    pub fn with_inside(&self) -> Vec<&PlannedLayer> {
        let mut all = vec![self];
        let inside = self.body.iter().chain(&self.shortcut);
        all.extend(inside.flat_map(PlannedLayer::with_inside));
        all
    }
}

impl Plan {
    /// Every layer in its place: each block, then what is inside it.
    pub fn places(&self) -> Vec<Place<'_>> {
        let mut places = Vec::new();
        for position in 0..self.layers.len() {
            visit(&self.layers, position, (position, 0), &[], &mut places);
        }
        places
    }

    /// Calls `f` with every layer in the order of [`Plan::places`].
    pub fn for_each_layer(&mut self, mut f: impl FnMut(&mut PlannedLayer)) {
        fn each(layers: &mut [PlannedLayer], f: &mut dyn FnMut(&mut PlannedLayer)) {
            for layer in layers {
                f(layer);
                each(&mut layer.body, f);
                each(&mut layer.shortcut, f);
            }
        }
        each(&mut self.layers, &mut f);
    }
}

/// Layer `at` of a list and all inside it; `after` is what follows the list.
fn visit<'a>(
    list: &'a [PlannedLayer],
    at: usize,
    (position, depth): (usize, usize),
    after: &[&'a [PlannedLayer]],
    places: &mut Vec<Place<'a>>,
) {
    let layer = &list[at];
    let after = [&[&list[at + 1..]], after].concat();
    places.push(Place {
        layer,
        position,
        depth,
        before: &list[..at],
        after: after.clone(),
    });
    for inside in [&layer.body, &layer.shortcut] {
        for at in 0..inside.len() {
            visit(inside, at, (position, depth + 1), &after, places);
        }
    }
}
