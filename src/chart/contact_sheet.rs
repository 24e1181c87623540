//! Pairs of pictures on one sheet: each above what became of it.

use super::ChartError;
use image::codecs::png::PngEncoder;
use image::imageops::{FilterType, overlay, resize};
use image::{RgbImage, RgbaImage};

/// Pixels of a picture's longer side, at most and, where whole enlarging reaches it, at least.
const LARGEST: u32 = 192;
const SMALLEST: u32 = 96;
/// Pairs side by side.
const COLUMNS: usize = 4;
/// Pixels between a picture and what became of it, and between pairs.
const WITHIN: u32 = 2;
const BETWEEN: u32 = 14;

/// Planes of 0 to 255, (1 or 3, H, W).
pub type Planes<'a> = &'a [f32];

/// A PNG of the pairs, four in a row, on a transparent ground; all pictures are of one (height, width).
pub fn contact_sheet(
    pairs: &[(Planes, Planes)],
    (height, width): (u32, u32),
) -> Result<Vec<u8>, ChartError> {
    let columns = pairs.len().clamp(1, COLUMNS);
    let rows = pairs.len().div_ceil(columns).max(1) as u32;
    let (tile_height, tile_width) = tile_size(height, width);
    let (across, down) = (tile_width + BETWEEN, 2 * tile_height + WITHIN + BETWEEN);
    let mut sheet = RgbaImage::new(columns as u32 * across - BETWEEN, rows * down - BETWEEN);
    for (i, (before, after)) in pairs.iter().enumerate() {
        let left = (i % columns) as u32 * across;
        let top = (i / columns) as u32 * down;
        for (planes, top) in [(before, top), (after, top + tile_height + WITHIN)] {
            let picture = picture(planes, height, width);
            let filter = if tile_width < width {
                FilterType::Triangle
            } else {
                FilterType::Nearest
            };
            let tile = resize(&picture, tile_width, tile_height, filter);
            let tile = image::DynamicImage::from(tile).into_rgba8();
            overlay(&mut sheet, &tile, i64::from(left), i64::from(top));
        }
    }
    let mut png = Vec::new();
    sheet
        .write_with_encoder(PngEncoder::new(&mut png))
        .map_err(|error| ChartError(error.to_string()))?;
    Ok(png)
}

/// (height, width) of a picture on the sheet.
fn tile_size(height: u32, width: u32) -> (u32, u32) {
    let longer = height.max(width).max(1);
    if longer > LARGEST {
        let scaled = |n: u32| (n * LARGEST / longer).max(1);
        return (scaled(height), scaled(width));
    }
    let times = SMALLEST.div_ceil(longer);
    (height * times, width * times)
}

fn picture(planes: Planes, height: u32, width: u32) -> RgbImage {
    let area = (height * width) as usize;
    let last = (planes.len() / area.max(1)).saturating_sub(1);
    RgbImage::from_fn(width, height, |x, y| {
        let pixel = (y * width + x) as usize;
        image::Rgb([0, 1, 2].map(|c: usize| {
            let place = c.min(last) * area + pixel;
            planes.get(place).map_or(0, |x| x.round() as u8)
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_holds_every_pair_above_one_another() {
        let (gray, colour) = (
            vec![10.0; 6],
            [vec![200.0; 6], vec![100.0; 6], vec![50.0; 6]].concat(),
        );
        let png = contact_sheet(&[(&gray[..], &colour[..]); 6], (2, 3)).unwrap();
        let sheet = image::load_from_memory(&png).unwrap().into_rgba8();
        // 32 times enlarged: two rows of pairs, four in the first.
        assert_eq!(
            sheet.dimensions(),
            (4 * 110 - 14, 2 * (2 * 64 + 2 + 14) - 14)
        );
        assert_eq!(sheet.get_pixel(5, 5).0, [10, 10, 10, 255]);
        assert_eq!(sheet.get_pixel(110, 66).0, [200, 100, 50, 255]);
        assert_eq!(sheet.get_pixel(100, 5).0[3], 0, "between pairs");
        assert_eq!(sheet.get_pixel(330, 200).0[3], 0, "no seventh pair");
    }

    #[test]
    fn large_pictures_are_made_smaller_and_narrow_ones_stay_visible() {
        assert_eq!(tile_size(1024, 512), (192, 96));
        assert_eq!(tile_size(1, 1024), (1, 192));
        assert_eq!(tile_size(28, 28), (112, 112));
        assert_eq!(tile_size(1, 1), (96, 96));
    }
}
