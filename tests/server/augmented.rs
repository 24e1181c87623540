//! The picture of what augmentation does to a dataset's images.

use crate::common::{TestServer, tiny_archive};
use image::RgbaImage;

fn sheet(server: &TestServer, query: &str) -> RgbaImage {
    let url = format!(
        "{}/api/v1/datasets/tiny/augmented.png?{query}",
        server.url()
    );
    let mut answer = server.agent().get(url).call().unwrap();
    assert_eq!(answer.status(), 200, "{query}");
    assert_eq!(answer.headers()["content-type"], "image/png");
    let bytes = answer.body_mut().read_to_vec().unwrap();
    image::load_from_memory(&bytes).unwrap().into_rgba8()
}

#[test]
fn pairs_show_images_before_and_after_and_are_those_of_the_seed_and_epoch() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    // Images of 16 × 12, six times enlarged: 96 × 72 above 96 × 72, four in a row.
    let same = sheet(&server, "");
    assert_eq!(
        same.dimensions(),
        (4 * 110 - 14, 2 * (2 * 72 + 2 + 14) - 14)
    );
    assert_eq!(sheet(&server, "images=1").dimensions(), (96, 146));
    let half = |sheet: &RgbaImage, top| image::imageops::crop_imm(sheet, 0, top, 96, 72).to_image();
    assert_eq!(
        half(&same, 0),
        half(&same, 74),
        "nothing is changed where nothing is set"
    );

    let all = "flip_horizontal=0.5&rotate=30&brightness=0.3&noise=0.1&cutout=0.3&mixup=0.4";
    let changed = sheet(&server, all);
    assert_eq!(half(&changed, 0), half(&same, 0));
    assert_ne!(half(&changed, 74), half(&same, 74));
    assert_eq!(sheet(&server, all), changed);
    assert_ne!(sheet(&server, &format!("{all}&epoch=2")), changed);
    assert_ne!(sheet(&server, &format!("{all}&seed=2")), changed);
    let small = sheet(
        &server,
        &format!("{all}&height=1&width=1&channels=1&images=16&batch_size=3"),
    );
    assert_eq!(small.dimensions(), (3 * 110 - 14, 2 * 96 + 2));
}

#[test]
fn settings_that_cannot_be_are_refused_by_their_field() {
    let server = TestServer::with(&["--parallel", "0"]);
    server.import("tiny", &tiny_archive());
    for (query, field) in [
        ("rotate=181", "augment.rotate"),
        ("rotate=-1", "augment.rotate"),
        ("rotate=NaN", "rotate"),
        ("blur=1e999", "blur"),
        ("mixup=much", "mixup"),
        ("images=0", "images"),
        ("images=17", "images"),
        ("epoch=0", "epoch"),
        ("seed=-3", "seed"),
        ("seed=18446744073709551615", "train.seed"),
        ("height=1025", "input.height"),
        ("width=99999999999999999999", "width"),
        ("channels=2", "input.channels"),
        ("batch_size=0", "batch_size"),
        ("spin=1", "spin"),
        ("sampling=all", "train.sampling"),
    ] {
        let (status, problem) = server.get(&format!("/api/v1/datasets/tiny/augmented.png?{query}"));
        assert_eq!(status, 422, "{query}: {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
    assert_eq!(server.get("/api/v1/datasets/none/augmented.png").0, 404);
}
