//! Small pictures for a dataset's page.

use super::decode::{self, Decoded};
use super::{DataError, Limits};
use image::codecs::png::PngEncoder;
use image::{DynamicImage, GrayImage, RgbImage};
use std::path::Path;

/// An image file as PNG, its longer side at most `side` pixels; a smaller image stays as it is.
pub fn thumbnail(path: &Path, side: u32) -> Result<Vec<u8>, DataError> {
    let refused = |reason: String| DataError::Refused(format!("{}: {reason}", path.display()));
    let decoded = decode::read(path, &Limits::DEFAULT).map_err(refused)?;
    let image = picture(decoded).ok_or_else(|| refused("no picture".to_owned()))?;
    let longer = image.width().max(image.height());
    let image = if longer > side.max(1) {
        image.thumbnail(side.max(1), side.max(1))
    } else {
        image
    };
    let mut png = Vec::new();
    image
        .write_with_encoder(PngEncoder::new(&mut png))
        .map_err(|error| refused(error.to_string()))?;
    Ok(png)
}

/// None where the planes are not of the image's size.
fn picture(decoded: Decoded) -> Option<DynamicImage> {
    let Decoded {
        width,
        height,
        planes,
        channels,
        ..
    } = decoded;
    if channels == 1 {
        return GrayImage::from_raw(width, height, planes).map(DynamicImage::from);
    }
    let area = planes.len() / 3;
    let pixels = (0..area)
        .flat_map(|i| [planes[i], planes[area + i], planes[2 * area + i]])
        .collect();
    RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_keeps_its_shape_and_colours() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.png");
        RgbImage::from_fn(200, 100, |x, _| {
            image::Rgb([200, 30, if x < 100 { 0 } else { 90 }])
        })
        .save(&file)
        .unwrap();
        let small = image::load_from_memory(&thumbnail(&file, 50).unwrap()).unwrap();
        assert_eq!((small.width(), small.height()), (50, 25));
        assert_eq!(small.to_rgb8().get_pixel(10, 10).0, [200, 30, 0]);
        assert_eq!(small.to_rgb8().get_pixel(40, 10).0, [200, 30, 90]);
        let whole = image::load_from_memory(&thumbnail(&file, 500).unwrap()).unwrap();
        assert_eq!(whole, image::open(&file).unwrap());
    }
}
