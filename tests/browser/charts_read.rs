//! A run's charts as a reader uses them: whole ticks, splits that are scored now and then, smoothing, a logarithmic scale,
//! zoom by keys, and nothing lost of long curves.

use crate::charts::{open, started};
use crate::drawn::{
    CHARTS, Drawn, Script, epoch, metrics, number, reaches, usual, within_a_second,
};
use serde_json::Value;
use thirtyfour::prelude::*;

#[tokio::test]
async fn a_split_that_is_scored_now_and_then_is_a_line_through_its_epochs_with_a_band_around_them()
{
    let (server, _downloads, browser) = started().await;
    let script = Script::start(&server);
    let of = |number: u32| {
        let test = if number.is_multiple_of(5) {
            metrics(300 + number, 1.5)
        } else {
            Value::Null
        };
        let mut val = metrics(400 + 5 * (number % 4), 1.4);
        val["loss"] = Value::Null;
        epoch(number, metrics(500 + 7 * number, 1.0), val, test)
    };
    script.send(&(1..=30).map(of).collect::<Vec<_>>());
    open(&browser, &script).await;
    let drawn = within_a_second(
        &browser,
        "accuracy",
        |d| d.lines.len() == 3 && d.last_epoch(0) > 29.5,
        |d| format!("three curves are not there: {d:?}"),
    )
    .await;
    let test = &drawn.lines[2];
    let epochs: Vec<f64> = test
        .points
        .iter()
        .map(|(x, _)| drawn.epoch_at(*x).round())
        .collect();
    assert_eq!(
        epochs,
        [5.0, 10.0, 15.0, 20.0, 25.0, 30.0],
        "the test split's line"
    );
    assert_eq!(
        (test.breaks, drawn.marks),
        (0, 6),
        "the line is whole and its epochs are marked"
    );
    // Up one side and down the other, nowhere but at the epochs that were scored.
    let corners: Vec<f64> = drawn.bands[2]
        .iter()
        .map(|(x, _)| drawn.epoch_at(*x).round())
        .collect();
    assert_eq!(corners[..6], epochs[..], "the band of test");
    assert!(
        corners.iter().all(|epoch| epochs.contains(epoch)),
        "the band of test: {corners:?}"
    );
    let (low, high) = drawn.extremes(2);
    assert!(
        (low - 30.5).abs() < 0.3 && (high - 33.0).abs() < 0.3,
        "{low} to {high}"
    );
    let gap = Drawn::read(&browser, "gap").await;
    assert_eq!(gap.lines[1].points.len(), 6, "training minus test");
    // A loss that is no number at any epoch has no curve, and the legend says why.
    let loss = Drawn::read(&browser, "loss").await;
    assert_eq!(loss.lines.len(), 2, "curves of the loss");
    let words = &loss.words;
    assert!(
        words.iter().any(|words| words == "validation not a number"),
        "{words:?}"
    );

    // The same beside another run.
    let other = Script::start(&server);
    other.send(&(1..=12).map(usual).collect::<Vec<_>>());
    let compare = format!(
        "{}/compare?runs={},{}&show=test",
        server.url(),
        script.id,
        other.id
    );
    browser.driver.goto(compare).await.unwrap();
    browser
        .wait_for("document.querySelectorAll('#chart .scatterlayer path.js-line').length === 4")
        .await;
    let points = browser
        .value_of("[...document.querySelectorAll('#chart .scatterlayer path.js-line')].map(p => p.getAttribute('d').split(/[ML]/).length - 1)")
        .await;
    assert_eq!(points, serde_json::json!([6, 30, 12, 12]));
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_axis_counts_whole_epochs_once_and_labels_keep_off_the_curves_on_a_phone() {
    let (server, _downloads, browser) = started().await;
    browser
        .driver
        .set_window_rect(0, 0, 390, 844)
        .await
        .unwrap();
    let script = Script::start(&server);
    let best = serde_json::json!({"kind": "best", "data": {"epoch": 1, "metric": "val_loss", "value": 2.3}});
    script.send(&[usual(1), best]);
    open(&browser, &script).await;
    for number in 2..=9 {
        script.send(&[usual(number)]);
        for id in CHARTS {
            let drawn = reaches(&browser, id, number).await;
            let ticks: Vec<f64> = drawn.x.iter().map(|tick| self::number(&tick.0)).collect();
            let whole = ticks.windows(2).all(|pair| pair[1] - pair[0] >= 1.0);
            assert!(
                whole && ticks.iter().all(|tick| tick.fract() == 0.0),
                "{id}, {number} epochs: {ticks:?}"
            );
            // Words stand above the plot, none within it.
            assert!(
                drawn
                    .words
                    .iter()
                    .any(|words| words == "best: epoch 1 (lowest validation loss)"),
                "{:?}",
                drawn.words
            );
        }
    }
    let drawn = Drawn::read(&browser, "accuracy").await;
    assert!(
        drawn.words.iter().any(|words| words == "training 53.5 %"),
        "{:?}",
        drawn.words
    );
    let within = browser
        .value_of(
            "[...document.querySelectorAll('#charts text, #charts .legend *')].filter(e => { \
               const r = e.getBoundingClientRect(); \
               return r.width > 0 && [...document.querySelectorAll('#charts .nsewdrag')].some(plot => { \
                 const p = plot.getBoundingClientRect(); \
                 return r.left < p.right - 1 && r.right > p.left + 1 && r.top < p.bottom - 1 && r.bottom > p.top + 1; }); \
             }).map(e => e.textContent)",
        )
        .await;
    assert_eq!(within, serde_json::json!([]), "words over curves");
}

#[tokio::test]
async fn a_reader_smooths_takes_logarithms_and_zooms_by_keys_all_charts_at_once() {
    let (server, _downloads, browser) = started().await;
    let script = Script::start(&server);
    let of = |number: u32| {
        let loss = 10.0_f64.powf(1.0 - 3.0 * f64::from(number) / 40.0);
        epoch(
            number,
            metrics(500 + 300 * (number % 2), loss),
            metrics(400, 1.0),
            Value::Null,
        )
    };
    script.send(&(1..=40).map(of).collect::<Vec<_>>());
    open(&browser, &script).await;
    let raw = reaches(&browser, "accuracy", 40).await;

    // Smoothed: a line over the measured one, which stays where it was.
    let slider = browser.find("#smoothing").await;
    slider.send_keys(Key::End + "").await.unwrap();
    let smoothed = within_a_second(
        &browser,
        "accuracy",
        |d| d.lines.len() == 4,
        |d| format!("{} lines, not a smoothed one over each", d.lines.len()),
    )
    .await;
    assert_eq!(
        smoothed.lines[0].points, raw.lines[0].points,
        "the measured curve"
    );
    assert!(
        smoothed.lines[0].opacity > 0.3 && smoothed.lines[0].width >= 1.0,
        "the measured curve is seen"
    );
    let (low, high) = smoothed.extremes(0);
    assert!(
        (low - 50.0).abs() < 0.5 && (high - 80.0).abs() < 0.5,
        "measured: {low} to {high}"
    );
    let settled = &smoothed.lines[1].points[20..];
    let settled: Vec<f64> = settled.iter().map(|(_, y)| smoothed.value_at(*y)).collect();
    assert!(
        settled.iter().all(|value| (60.0..70.0).contains(value)),
        "smoothed: {settled:?}"
    );
    assert_eq!(
        browser
            .value_of("document.getElementById('smoothing-value').innerText")
            .await,
        "0.95"
    );

    // On a logarithmic scale a loss that falls by the same factor each epoch falls in a straight line.
    browser.click("#log-loss").await;
    let straight = |drawn: &Drawn| {
        let points = &drawn.lines[0].points;
        let [first, .., last] = points[..] else {
            return false;
        };
        let along = |x: f64| first.1 + (x - first.0) / (last.0 - first.0) * (last.1 - first.1);
        points.iter().all(|(x, y)| (along(*x) - y).abs() < 1.0)
    };
    within_a_second(&browser, "loss", straight, |d| {
        format!("no straight line: {:?}", d.lines[0].points)
    })
    .await;

    // Both hold on the next page.
    browser.driver.refresh().await.unwrap();
    browser
        .wait_for("document.querySelectorAll('#accuracy path.js-line').length === 4")
        .await;
    within_a_second(&browser, "loss", straight, |d| {
        format!("no straight line: {:?}", d.lines[0].points)
    })
    .await;

    // Keys on one chart zoom all three.
    let chart = browser.find("#gap").await;
    let shows = async |keys: TypingData, first: f64, last: f64| {
        chart.send_keys(keys).await.unwrap();
        for id in CHARTS {
            let near = |drawn: &Drawn| {
                let (from, to) = drawn.span();
                (from - first).abs() < 0.6 && (to - last).abs() < 0.6
            };
            within_a_second(&browser, id, near, |d| {
                format!("{id} shows {:?}, not {first} to {last}", d.span())
            })
            .await;
        }
    };
    shows("+".into(), 11.0, 31.0).await;
    shows("+".into(), 16.0, 26.0).await;
    assert_eq!(
        browser
            .value_of("document.getElementById('zoomed').innerText")
            .await,
        "epochs 16 to 26"
    );
    shows(Key::Right + "", 19.0, 29.0).await;
    // What comes meanwhile does not move what is looked at.
    script.send(&[of(41)]);
    shows(Key::Left + "", 16.0, 26.0).await;
    shows("-".into(), 11.0, 31.0).await;
    shows("0".into(), 1.0, 41.0).await;
    shows("+".into(), 11.0, 31.0).await;
    shows(Key::Escape + "", 1.0, 41.0).await;
    // A legend's button takes a curve away and gives it back.
    browser.click("#loss-legend button").await;
    within_a_second(
        &browser,
        "loss",
        |d| d.lines.len() == 2,
        |d| format!("{} lines", d.lines.len()),
    )
    .await;
    browser.click("#loss-legend button").await;
    within_a_second(
        &browser,
        "loss",
        |d| d.lines.len() == 4,
        |d| format!("{} lines", d.lines.len()),
    )
    .await;
    // What a screen reader says follows within seconds; a report's picture has the page's face.
    browser
        .wait_for("document.getElementById('accuracy').ariaLabel.includes('training 80.0 % at epoch 41, validation 40.0 % at epoch 41')")
        .await;
    browser
        .driver
        .goto(format!("{}/report", script.url()))
        .await
        .unwrap();
    let faces = "[...new Set([document.body, ...document.querySelectorAll('.drawing svg text')].map(e => getComputedStyle(e).fontFamily))]";
    let faces = browser.value_of(faces).await;
    assert_eq!(
        faces.as_array().unwrap().len(),
        1,
        "faces on the report: {faces}"
    );
    let words = browser
        .value_of("document.querySelector('.drawing .wide').textContent.replaceAll('\u{a0}', ' ')")
        .await;
    assert!(
        words.as_str().unwrap().contains("training 80.0 %"),
        "{words}"
    );
    assert_eq!(browser.console_errors().await, Vec::<String>::new());
}

/// 300 series at random through the thinning that pages ship: what it loses of lowest, highest, first, last and breaks.
const TRIALS: &str = r#"
const [url, then] = arguments;
import(url).then(({ thinned }) => {
  let seed = 20;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const lost = [];
  for (let trial = 0; trial < 300; trial++) {
    const missing = [0, 0.1, 0.5, 0.9][trial % 4];
    const values = Array.from({ length: 1 + Math.floor(3000 * random()) }, () => (random() < missing ? null : random() - 0.5));
    const buckets = 1 + Math.floor(100 * random());
    const kept = thinned(values, buckets);
    const there = values.map((_, i) => i).filter((i) => values[i] != null);
    const by = (better) => there.reduce((best, i) => (best == null || better(values[i], values[best]) ? i : best), null);
    const wanted = { first: there[0], last: there.at(-1), lowest: by((a, b) => a < b), highest: by((a, b) => a > b) };
    for (const [what, i] of Object.entries(wanted)) if (i != null && !kept.includes(i)) lost.push(`${what} of trial ${trial}, ${missing} missing`);
    if (kept.some((i, at) => at > 0 && i <= kept[at - 1])) lost.push(`order of trial ${trial}`);
    if (values.length > 5 * buckets && kept.length > 5 * buckets) lost.push(`room: ${kept.length} of ${buckets} buckets`);
    if (missing && values.includes(null) && !kept.some((i) => values[i] == null)) lost.push(`breaks of trial ${trial}`);
  }
  then(lost);
}, (error) => then([String(error)]));
"#;

#[tokio::test]
async fn no_thinning_loses_lowest_highest_first_or_last() {
    let (server, _downloads, browser) = started().await;
    let script = Script::start(&server);
    // Ten times more epochs than the charts have pixels; a dip and a spike stand beside epochs without a loss.
    let of = |number: u32| {
        let (correct, loss) = match number {
            2_111 => (990, 6.5),
            4_003 => (10, 0.125),
            _ => (500 + number % 3, 2.0),
        };
        let mut val = metrics(correct, loss);
        if [2_110, 2_112, 4_002, 4_004].contains(&number) {
            val["loss"] = Value::Null;
        }
        epoch(number, metrics(600, 1.0), val, Value::Null)
    };
    script.send(&(1..=5_000).map(of).collect::<Vec<_>>());
    open(&browser, &script).await;
    let wanted = |drawn: &Drawn| drawn.lines.len() == 2 && drawn.last_epoch(1) > 4_999.0;
    let says = |drawn: &Drawn| format!("the curves end at {}", drawn.last_epoch(1));
    let drawn = within_a_second(&browser, "accuracy", wanted, says).await;
    assert!(
        drawn.lines[1].points.len() < 2_000,
        "{} points",
        drawn.lines[1].points.len()
    );
    let (low, high) = drawn.extremes(1);
    assert!(
        (low - 1.0).abs() < 0.4 && (high - 99.0).abs() < 0.4,
        "accuracy of validation: {low} to {high}"
    );
    let drawn = within_a_second(&browser, "loss", wanted, says).await;
    let (low, high) = drawn.extremes(1);
    assert!(
        (low - 0.125).abs() < 0.05 && (high - 6.5).abs() < 0.05,
        "loss of validation: {low} to {high}"
    );
    let first = drawn.epoch_at(drawn.lines[1].points[0].0);
    assert!((first - 1.0).abs() < 5.0, "begins at {first}");

    let address = "performance.getEntriesByType('resource').map(e => e.name).find(n => n.endsWith('/thin.js'))";
    let thin = browser.value_of(address).await;
    let lost = browser
        .driver
        .execute_async(TRIALS, vec![thin])
        .await
        .unwrap();
    assert_eq!(lost.json(), &serde_json::json!([]));
}
