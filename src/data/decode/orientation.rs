//! Turning planes as a camera's orientation tag asks (Exif 2.32, tag 0x0112).

use image::metadata::Orientation;

/// A plane of `width` × `height` turned upright; [`turned_size`] gives its new size.
pub(super) fn turned(
    plane: &[u8],
    (width, height): (usize, usize),
    orientation: Orientation,
) -> Vec<u8> {
    let (right, bottom) = (width - 1, height - 1);
    // Where the pixel at (x, y) of the upright image comes from.
    let source = |x: usize, y: usize| match orientation {
        Orientation::NoTransforms => (x, y),
        Orientation::FlipHorizontal => (right - x, y),
        Orientation::Rotate180 => (right - x, bottom - y),
        Orientation::FlipVertical => (x, bottom - y),
        Orientation::Rotate90FlipH => (y, x),
        Orientation::Rotate90 => (y, bottom - x),
        Orientation::Rotate270FlipH => (right - y, bottom - x),
        Orientation::Rotate270 => (right - y, x),
    };
    let (new_width, new_height) = turned_size((width, height), orientation);
    let mut out = Vec::with_capacity(plane.len());
    for y in 0..new_height {
        out.extend((0..new_width).map(|x| {
            let (x, y) = source(x, y);
            plane[y * width + x]
        }));
    }
    out
}

/// Width and height of the upright image.
pub(super) fn turned_size<T>((width, height): (T, T), orientation: Orientation) -> (T, T) {
    match orientation {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, GrayImage, Luma};

    #[test]
    fn every_orientation_turns_as_the_library_does() {
        let (width, height) = (5, 3);
        let image = GrayImage::from_fn(width, height, |x, y| Luma([(10 * x + y) as u8]));
        for tag in 1..=8 {
            let orientation = Orientation::from_exif(tag).unwrap();
            let mut expected = DynamicImage::from(image.clone());
            expected.apply_orientation(orientation);
            let ours = turned(image.as_raw(), (5, 3), orientation);
            assert_eq!(ours, expected.to_luma8().into_raw(), "{tag}");
            let size = turned_size((width, height), orientation);
            assert_eq!(size, (expected.width(), expected.height()));
        }
    }
}
