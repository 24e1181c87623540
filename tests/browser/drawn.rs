//! What is drawn of a chart, read from its picture as a reader does: curves' points by the numbers beside the axes.

use crate::common::TestServer;
use crate::driver::Browser;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub const CHARTS: [&str; 3] = ["accuracy", "gap", "loss"];

/// Places of everything in a chart, from the plot's upper left corner, and the words on it.
const READ: &str = r#"((id) => {
  const chart = document.getElementById(id);
  const plot = chart.querySelector(".nsewdrag")?.getBoundingClientRect() ?? new DOMRect();
  const on = (path, [x, y]) => {
    const place = new DOMPoint(x, y).matrixTransform(path.getScreenCTM());
    return [place.x - plot.left, place.y - plot.top].map((length) => Math.round(100 * length) / 100);
  };
  const points = (path) => [...(path.getAttribute("d") ?? "").matchAll(/(-?[\d.]+(?:e-?\d+)?)[, ](-?[\d.]+(?:e-?\d+)?)/g)]
    .map((pair) => on(path, [Number(pair[1]), Number(pair[2])]));
  const middle = (element) => {
    const { left, right, top, bottom } = element.getBoundingClientRect();
    return [(left + right) / 2 - plot.left, (top + bottom) / 2 - plot.top];
  };
  const ticks = (axis) => [...chart.querySelectorAll(`.${axis}tick text`)].map((text) => [text.textContent, ...middle(text)]);
  return {
    lines: [...chart.querySelectorAll(".scatterlayer .trace")].flatMap((trace) => {
      const paths = [...trace.querySelectorAll("path.js-line")];
      if (!paths.length) return [];
      const { stroke, strokeWidth, strokeOpacity } = getComputedStyle(paths[0]);
      return { points: paths.flatMap(points), stroke, width: parseFloat(strokeWidth), opacity: parseFloat(strokeOpacity), breaks: paths.length - 1 };
    }),
    bands: [...chart.querySelectorAll("path.js-fill")].map(points).filter((band) => band.length > 0),
    marks: chart.querySelectorAll("path.point").length,
    x: ticks("x"),
    y: ticks("y"),
    width: plot.width,
    words: [...document.querySelectorAll(`#${id}-legend li, #${id}-marks li`)].map((item) => item.innerText.trim()),
  };
})"#;

/// One chart as it is drawn, in pixels from the plot's upper left corner.
#[derive(Debug, Deserialize)]
pub struct Drawn {
    pub lines: Vec<Line>,
    /// Corners of the areas around the curves.
    pub bands: Vec<Vec<(f64, f64)>>,
    /// Markers on curves.
    pub marks: usize,
    /// Ticks' words and their middles.
    pub x: Vec<(String, f64, f64)>,
    pub y: Vec<(String, f64, f64)>,
    pub width: f64,
    /// The legend's entries.
    pub words: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Line {
    pub points: Vec<(f64, f64)>,
    pub stroke: String,
    pub width: f64,
    pub opacity: f64,
    /// Times that the pen was lifted.
    pub breaks: usize,
}

impl Drawn {
    pub async fn read(browser: &Browser, id: &str) -> Drawn {
        let value = browser.value_of(&format!("{READ}({})", json!(id))).await;
        serde_json::from_value(value).unwrap()
    }

    /// The epoch that a place stands for, by two numbers below the axis.
    pub fn epoch_at(&self, x: f64) -> f64 {
        between(&self.x, |tick| tick.1, x)
    }

    /// The value that a height stands for, by two numbers beside the axis.
    pub fn value_at(&self, y: f64) -> f64 {
        between(&self.y, |tick| tick.2, y)
    }

    /// The epochs between which the plot lies.
    pub fn span(&self) -> (f64, f64) {
        (self.epoch_at(0.0), self.epoch_at(self.width))
    }

    /// The last epoch that a curve shows; 0 where there is none or too few numbers to tell.
    pub fn last_epoch(&self, line: usize) -> f64 {
        let last = self.lines.get(line).and_then(|line| line.points.last());
        match last {
            Some((x, _)) if self.x.len() > 1 => self.epoch_at(*x),
            _ => 0.0,
        }
    }

    /// A curve's lowest and highest value.
    pub fn extremes(&self, line: usize) -> (f64, f64) {
        let values = self.lines[line]
            .points
            .iter()
            .map(|(_, y)| self.value_at(*y));
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    }
}

/// A chart's drawing, as soon as it is as wanted; fails with `else_says` of what is drawn after a second.
pub async fn within_a_second(
    browser: &Browser,
    id: &str,
    wanted: impl Fn(&Drawn) -> bool,
    else_says: impl Fn(&Drawn) -> String,
) -> Drawn {
    let end = Instant::now() + Duration::from_secs(1);
    loop {
        let drawn = Drawn::read(browser, id).await;
        if wanted(&drawn) {
            return drawn;
        }
        assert!(Instant::now() < end, "{}", else_says(&drawn));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As soon as all curves of the chart end at an epoch, and the axis there.
pub async fn reaches(browser: &Browser, id: &str, epoch: u32) -> Drawn {
    let ends = |drawn: &Drawn| -> Vec<f64> {
        (0..drawn.lines.len())
            .map(|line| (10.0 * drawn.last_epoch(line)).round() / 10.0)
            .collect()
    };
    let wanted = |drawn: &Drawn| {
        let ends = ends(drawn);
        let there = !ends.is_empty() && ends.iter().all(|end| (end - f64::from(epoch)).abs() < 0.3);
        there && (f64::from(epoch)..f64::from(epoch) + 1.0).contains(&drawn.span().1)
    };
    let says = |drawn: &Drawn| {
        let axis: Vec<&str> = drawn.x.iter().map(|tick| &*tick.0).collect();
        format!(
            "{id}: a second after epoch {epoch} the curves end at {:?}, the axis shows {axis:?}",
            ends(drawn)
        )
    };
    within_a_second(browser, id, wanted, says).await
}

/// What a place between the first and the last tick stands for.
fn between(
    ticks: &[(String, f64, f64)],
    place: impl Fn(&(String, f64, f64)) -> f64,
    at: f64,
) -> f64 {
    let [one, .., other] = ticks else {
        panic!("fewer than two ticks: {ticks:?}");
    };
    let [from, to] = [one, other].map(|tick| number(&tick.0));
    from + (at - place(one)) / (place(other) - place(one)) * (to - from)
}

/// "−20", "80 %"
pub fn number(tick: &str) -> f64 {
    let plain = tick.replace('−', "-").replace([' ', '%'], "");
    plain
        .parse()
        .unwrap_or_else(|_| panic!("a tick is no number: {tick:?}"))
}

/// A run that the test reports epoch by epoch, without any training.
pub struct Script<'a> {
    server: &'a TestServer,
    pub id: u64,
    token: String,
}

impl Script<'_> {
    pub fn start(server: &TestServer) -> Script<'_> {
        let spec = json!({"external": true, "name": "a script", "train": {"epochs": 100_000}});
        let (status, run) = server.post("/api/v1/runs", &spec);
        assert_eq!(status, 201, "{run}");
        Script {
            server,
            id: run["id"].as_u64().unwrap(),
            token: run["token"].as_str().unwrap().to_owned(),
        }
    }

    pub fn url(&self) -> String {
        format!("{}/runs/{}", self.server.url(), self.id)
    }

    pub fn send(&self, events: &[Value]) {
        let path = format!("/api/v1/runs/{}/events", self.id);
        for events in events.chunks(100) {
            let body = json!({"attempt": 1, "events": events});
            let (status, answer) = self.server.produce(&path, &self.token, &body);
            assert_eq!(status, 200, "{answer}");
        }
    }
}

/// A split's figures: images out of 1,000, and the loss.
pub fn metrics(correct: u32, loss: f64) -> Value {
    json!({"loss": loss, "correct": correct, "n": 1000, "accuracy": f64::from(correct) / 1000.0})
}

/// An epoch's event; a split without figures is null.
pub fn epoch(epoch: u32, train: Value, val: Value, test: Value) -> Value {
    json!({"kind": "epoch", "data": {"epoch": epoch, "lr": 0.01, "seconds": 1.0, "train": train, "val": val, "test": test}})
}

/// An epoch as of a run that learns its training images and nothing else; no two of neighbours are alike.
pub fn usual(number: u32) -> Value {
    let wobble = number * 37 % 50;
    let part = f64::from(number) / (f64::from(number) + 10.0);
    let train = (100.0 + 850.0 * part) as u32 + wobble;
    epoch(
        number,
        metrics(train, 2.2 - 2.0 * part),
        metrics(180 + wobble, 2.2 + part + 0.01 * f64::from(wobble)),
        metrics(170 + wobble / 2, 2.3 + part),
    )
}
