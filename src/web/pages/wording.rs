//! Numbers and moments as pages say them. Templates lend what they pass, so values are taken in either way.

use crate::diagnose;
use crate::run::{Decay, Metric, Optimizer, RunSpec};
use crate::store::Moment;
use std::borrow::Borrow;

/// "18.9 %" of 0.1889
pub fn percent(fraction: impl Borrow<f64>) -> String {
    diagnose::percent(*fraction.borrow())
}

/// "79.4" of 0.794: percentage points
pub fn points(fraction: impl Borrow<f64>) -> String {
    diagnose::points(*fraction.borrow())
}

/// "4,278,339"
pub fn thousands(n: impl ToString) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// "17.1 MB", in powers of ten.
pub fn bytes(n: impl Borrow<u64>) -> String {
    let n = *n.borrow();
    match n {
        0..1_000 => format!("{n} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

/// "8.2 s", "45 s", "3 min 20 s", "1 h 12 min"
pub fn duration(seconds: impl Borrow<f64>) -> String {
    diagnose::duration(*seconds.borrow())
}

/// A moment as a `time` element's text, for readers without scripts; scripts put their own time zone's.
pub fn moment(at: impl Borrow<Moment>) -> String {
    at.borrow()
        .to_string()
        .replace('T', " ")
        .replace('Z', " UTC")
}

/// "1 image", "90 images"
pub fn counted(n: impl ToString, one: &str, many: &str) -> String {
    match thousands(n) {
        n if n == "1" => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

/// A loss with four decimals; large ones in powers of ten, and "not a number" for what is none.
pub fn loss(value: impl Borrow<f64>) -> String {
    match *value.borrow() {
        v if !v.is_finite() => "not a number".to_owned(),
        v if v.abs() >= 1e5 => format!("{v:.2e}"),
        v => format!("{v:.4}"),
    }
}

/// "0.482", "−1.234", "12.3", "256": a property of images
pub fn figure(value: impl Borrow<f64>) -> String {
    let value = *value.borrow();
    let text = match value.abs() {
        a if value.fract() == 0.0 && a < 1e6 => format!("{value:.0}"),
        a if a >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    };
    text.replace('-', "−")
}

/// A setting as people write it: 0.001 rather than 1e-3, but 1e-7 rather than 0.0000001.
pub fn setting(value: impl Borrow<f64>) -> String {
    let value = *value.borrow();
    if value != 0.0 && (value.abs() < 1e-5 || value.abs() >= 1e7) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

/// "SGD, learning rate 0.01, momentum 0.9"
pub fn optimizer(optimizer: &Optimizer) -> String {
    let name = match optimizer {
        Optimizer::Sgd { .. } => "SGD",
        Optimizer::Adam { .. } => "Adam",
        Optimizer::AdamW { .. } => "AdamW",
    };
    let mut text = format!("{name}, learning rate {}", setting(optimizer.lr()));
    if let Optimizer::Sgd {
        momentum, nesterov, ..
    } = *optimizer
    {
        text += &format!(", momentum {}", setting(momentum));
        text += if nesterov { " (Nesterov)" } else { "" };
    }
    if optimizer.weight_decay() > 0.0 {
        text += &format!(", weight decay {}", setting(optimizer.weight_decay()));
        text += match optimizer.decay() {
            Decay::All => "",
            Decay::Weights => " (not of biases and norms)",
        };
    }
    text
}

/// "10 epochs without a lower validation loss, then back to the best", or "off".
pub fn early_stopping(spec: &RunSpec) -> String {
    let Some(stopping) = &spec.train.early_stopping else {
        return "off".to_owned();
    };
    let better = match stopping.metric {
        Metric::ValLoss => "lower validation loss",
        Metric::ValAccuracy => "higher validation accuracy",
    };
    let epochs = counted(stopping.patience, "epoch", "epochs");
    let by = if stopping.min_delta > 0.0 {
        format!(" (by more than {})", setting(stopping.min_delta))
    } else {
        String::new()
    };
    let back = if stopping.restore_best {
        ", then back to the best"
    } else {
        ""
    };
    format!("after {epochs} without a {better}{by}{back}")
}

/// JSON for a `script type="application/json"` element: nothing in it can end the element.
pub fn island(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value)
        .unwrap_or_else(|_| "null".to_owned())
        .replace('<', "\\u003c")
}

/// An address' query from names and values; empty values are left out.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let given = pairs.iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(given)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_with_their_units() {
        assert_eq!(thousands(4_278_339_u64), "4,278,339");
        assert_eq!(thousands(630_u32), "630");
        assert_eq!(bytes(17_113_356), "17.1 MB");
        assert_eq!(duration(8.24), "8.2 s");
        assert_eq!(duration(59.7), "1 min 0 s");
        assert_eq!(duration(4320.0), "1 h 12 min");
        assert_eq!(counted(1_u32, "image", "images"), "1 image");
        assert_eq!(setting(0.001), "0.001");
        assert_eq!(setting(1e-7), "1e-7");
        assert_eq!(loss(f64::NAN), "not a number");
    }

    #[test]
    fn figures_have_the_digits_that_say_something() {
        assert_eq!(figure(256.0), "256");
        assert_eq!(figure(-1.2345), "−1.234");
        assert_eq!(figure(0.5), "0.500");
        assert_eq!(figure(12.34), "12.3");
    }

    #[test]
    fn an_island_cannot_be_left() {
        let json = island(&"</script><script>alert(1)</script>");
        assert!(!json.contains('<'));
        let back: String = serde_json::from_str(&json).unwrap();
        assert!(back.starts_with("</script>"));
    }

    #[test]
    fn a_query_is_encoded_and_leaves_out_what_is_empty() {
        let text = query(&[("text", "a&b=ü"), ("status", "")]);
        assert_eq!(text, "text=a%26b%3D%C3%BC");
    }
}
