//! An architecture as data: a list of layers, each a table with one entry named like its operation.

mod settings;

pub use settings::{
    AdaptivePool, AvgPool, BatchNorm, Conv2d, Dropout, GroupNorm, Linear, MaxPool, NoSettings,
    Pair, Recurrent, Residual, Sequence, SequenceOf,
};

use serde::{Deserialize, Serialize};

/// A layer with the name that its parameters carry in a checkpoint (`layer1.0`, `flc`); unnamed ones are numbered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Table", into = "Table")]
pub struct LayerSpec {
    pub name: Option<String>,
    pub layer: Layer,
}

/// From each operation's variant, name in a spec and settings: [`Layer`] and its written form.
macro_rules! layers {
    (
        with settings { $($(#[$doc:meta])* $variant:ident($settings:ty) as $name:ident,)* }
        without { $($(#[$plain_doc:meta])* $plain:ident as $plain_name:ident,)* }
    ) => {
        /// One operation of a network.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Layer {
            $($(#[$doc])* $variant($settings),)*
            $($(#[$plain_doc])* $plain,)*
        }

        impl Layer {
            /// The operation's name in a spec: `conv2d`, `batch_norm`, …
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Layer::$variant(_) => stringify!($name),)*
                    $(Layer::$plain => stringify!($plain_name),)*
                }
            }
        }

        /// The written form of a [`LayerSpec`]: a name and exactly one operation.
        #[derive(Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct Table {
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<String>,
            $(#[serde(skip_serializing_if = "Option::is_none")]
            $name: Option<$settings>,)*
            $(#[serde(skip_serializing_if = "Option::is_none")]
            $plain_name: Option<NoSettings>,)*
        }

        impl Table {
            /// The operations that are written down.
            fn layers(self) -> Vec<Layer> {
                let all = [
                    $(self.$name.map(Layer::$variant),)*
                    $(self.$plain_name.map(|_| Layer::$plain),)*
                ];
                all.into_iter().flatten().collect()
            }
        }

        impl From<LayerSpec> for Table {
            fn from(spec: LayerSpec) -> Table {
                let mut table = Table { name: spec.name, ..Table::default() };
                match spec.layer {
                    $(Layer::$variant(settings) => table.$name = Some(settings),)*
                    $(Layer::$plain => table.$plain_name = Some(NoSettings {}),)*
                }
                table
            }
        }
    };
}

layers! {
    with settings {
        Conv2d(Conv2d) as conv2d,
        BatchNorm(BatchNorm) as batch_norm,
        GroupNorm(GroupNorm) as group_norm,
        MaxPool(MaxPool) as max_pool,
        AvgPool(AvgPool) as avg_pool,
        AdaptiveAvgPool(AdaptivePool) as adaptive_avg_pool,
        AdaptiveMaxPool(AdaptivePool) as adaptive_max_pool,
        Dropout(Dropout) as dropout,
        Linear(Linear) as linear,
        Sequence(Sequence) as sequence,
        /// Long short-term memory, gates in PyTorch's order i, f, g, o.
        Lstm(Recurrent) as lstm,
        /// Gated recurrent units, gates in PyTorch's order r, z, n.
        Gru(Recurrent) as gru,
        Residual(Residual) as residual,
    }
    without {
        /// max(x, 0).
        Relu as relu,
        /// x · Φ(x), Φ being the normal distribution: PyTorch's `GELU`, exact.
        Gelu as gelu,
        /// (N, …) to (N, F).
        Flatten as flatten,
        /// (N, T, F) to (N, F): the last step's features.
        LastStep as last_step,
    }
}

impl TryFrom<Table> for LayerSpec {
    type Error = String;

    fn try_from(mut table: Table) -> Result<Self, String> {
        let name = table.name.take();
        let mut found = table.layers();
        match (found.pop(), found.pop()) {
            (Some(layer), None) => Ok(LayerSpec { name, layer }),
            (None, _) => Err(
                "a layer names one operation, as in { relu = {} } or { linear = { out = 10 } }"
                    .to_owned(),
            ),
            (Some(one), Some(other)) => Err(format!(
                "a layer names one operation, and this one names {} and {}: write them as two layers",
                other.kind(),
                one.kind()
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_written_as_it_was_read() {
        let text = r#"[{"name":"layer1.0","conv2d":{"out":16,"kernel":[3,5],"stride":1,"padding":1,"bias":true}},{"relu":{}},{"residual":{"layers":[{"name":"a","gelu":{}}],"shortcut":[{"relu":{}}]}},{"linear":{"bias":true}}]"#;
        let layers: Vec<LayerSpec> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&layers).unwrap(), text);
    }

    #[test]
    fn a_layer_with_no_or_two_operations_is_refused() {
        for (text, says) in [
            ("{}", "names one operation"),
            (r#"{"relu":{},"flatten":{}}"#, "relu and flatten"),
            (r#"{"selu":{}}"#, "selu"),
        ] {
            let error = serde_json::from_str::<LayerSpec>(text).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
