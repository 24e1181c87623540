//! Where a figure is drawn: SVG with fractions of a pixel, or PNG at twice the size, with a font that the executable carries.

use super::{ChartError, Format, Ink};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::register_font;
use std::sync::OnceLock;

/// Plotters places everything on whole pixels: an SVG is drawn this many times larger and shown smaller.
const SVG_SCALE: u32 = 4;
/// The face of the pages' text, as their style sheet has it. Without one of its families a reader sees the last.
const FACE: &str =
    "system-ui, -apple-system, &quot;Segoe UI&quot;, Roboto, &quot;Noto Sans&quot;, sans-serif";
/// Sharp on screens and paper.
const PNG_SCALE: u32 = 2;

pub(super) const TEXT: RGBColor = RGBColor(31, 36, 45);
pub(super) const FAINT: RGBColor = RGBColor(107, 114, 128);
pub(super) const GRID: RGBColor = RGBColor(229, 231, 235);

/// A drawing area with the factor that lengths and font sizes in pixels are multiplied with.
pub(super) struct Sheet<DB: DrawingBackend> {
    pub area: DrawingArea<DB, Shift>,
    pub scale: u32,
}

impl<DB: DrawingBackend> Sheet<DB> {
    /// A length in pixels, on this sheet.
    pub fn px(&self, length: u32) -> u32 {
        length * self.scale
    }

    /// The chart's font in a size in pixels.
    pub fn font(&self, size: u32, colour: &'static RGBColor) -> TextStyle<'static> {
        TextStyle::from(("sans-serif", self.px(size)).into_font()).color(colour)
    }

    /// The same sheet, a part of it.
    pub fn part(&self, area: DrawingArea<DB, Shift>) -> Sheet<DB> {
        Sheet {
            area,
            scale: self.scale,
        }
    }

    /// A legend's line in an ink, so many pixels thick.
    pub fn sample(&self, ink: Ink, ends: [(i32, i32); 2], width: u32) -> DrawResult<(), DB> {
        let style = ink.rgb().stroke_width(self.px(width));
        match *ink.dash() {
            [on, off] => {
                let (on, off) = (self.px(on), self.px(off));
                let dashed = DashedPathElement::new(ends, on, off, style);
                self.area.draw(&dashed)
            }
            _ => self.area.draw(&PathElement::new(ends, style)),
        }
    }
}

/// Something that can be drawn on any sheet.
pub(super) trait Figure {
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);
    /// What the figure is, in a word, for screen readers. Plain ASCII.
    fn subject(&self) -> &'static str;
    fn paint<DB: DrawingBackend>(&self, sheet: &Sheet<DB>) -> DrawResult<(), DB>;
}

pub(super) fn draw(format: Format, figure: &impl Figure) -> Result<Vec<u8>, ChartError> {
    register()?;
    match format {
        Format::Svg => svg(figure),
        Format::Png => png(figure),
    }
}

/// An SVG element for a page, in the page's colours, as wide as its place; `says` is read out in its stead.
pub(super) fn inline(figure: &impl Figure, says: &str) -> Result<String, ChartError> {
    register()?;
    let (width, height) = figure.size();
    let mut text = format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}",
        width * SVG_SCALE,
        height * SVG_SCALE,
        escaped(says),
        body(figure)?
    );
    let plain = [
        (WHITE, "card"),
        (TEXT, "ink"),
        (FAINT, "soft"),
        (GRID, "line"),
    ];
    let inks = Ink::ALL.map(|ink| (ink.rgb(), ink.name()));
    for (RGBColor(r, g, b), name) in plain.into_iter().chain(inks) {
        text = text.replace(
            &format!("\"#{r:02X}{g:02X}{b:02X}\""),
            &format!("\"var(--{name})\""),
        );
    }
    Ok(text)
}

/// Text within an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

fn svg(figure: &impl Figure) -> Result<Vec<u8>, ChartError> {
    let (width, height) = figure.size();
    let body = body(figure)?;
    let subject = figure.subject();
    let head = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{subject}\">\n<title>{subject}</title>\n",
        width * SVG_SCALE,
        height * SVG_SCALE
    );
    Ok((head + &body).into_bytes())
}

/// What stands after an SVG's first tag, its words in the pages' face.
fn body(figure: &impl Figure) -> Result<String, ChartError> {
    let (width, height) = figure.size();
    let mut text = String::new();
    let backend = SVGBackend::with_string(&mut text, (width * SVG_SCALE, height * SVG_SCALE));
    paint(figure, backend, SVG_SCALE)?;
    text.split_once('\n')
        .map(|(_, body)| {
            body.replace(
                "font-family=\"sans-serif\"",
                &format!("font-family=\"{FACE}\""),
            )
        })
        .ok_or_else(|| ChartError("the SVG has no head".to_owned()))
}

fn png(figure: &impl Figure) -> Result<Vec<u8>, ChartError> {
    let (width, height) = figure.size();
    let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
    let mut pixels = vec![0; width as usize * height as usize * 3];
    let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
    paint(figure, backend, PNG_SCALE)?;
    let picture = image::RgbImage::from_raw(width, height, pixels)
        .ok_or_else(|| ChartError("the pixels do not fill the picture".to_owned()))?;
    let mut file = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut file, image::ImageFormat::Png)
        .map_err(|error| ChartError(error.to_string()))?;
    Ok(file.into_inner())
}

fn paint<DB: DrawingBackend>(
    figure: &impl Figure,
    backend: DB,
    scale: u32,
) -> Result<(), ChartError> {
    let sheet = Sheet {
        area: backend.into_drawing_area(),
        scale,
    };
    let paint = || {
        sheet.area.fill(&WHITE)?;
        figure.paint(&sheet)?;
        sheet.area.present()
    };
    paint().map_err(|error: DrawingAreaErrorKind<DB::ErrorType>| ChartError(error.to_string()))
}

/// Makes DejaVu Sans known to plotters, once.
fn register() -> Result<(), ChartError> {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular()).is_ok()
    });
    if *known {
        Ok(())
    } else {
        Err(ChartError("the font is damaged".to_owned()))
    }
}

/// An epoch's number; nothing between two epochs.
pub(super) fn whole(x: f64) -> String {
    if (x - x.round()).abs() < 1e-6 {
        format!("{x:.0}")
    } else {
        String::new()
    }
}

/// Text of any origin in at most `most` characters, without control and direction characters.
pub(super) fn tidy(text: &str, most: usize) -> String {
    let clean = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    let mut characters = text.chars().filter(clean);
    let mut short: String = characters.by_ref().take(most).collect();
    if characters.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_face_is_that_of_the_pages() {
        let style = include_str!("../../static/style.css");
        let face = FACE.replace("&quot;", "\"");
        assert!(
            style.contains(&format!("font: 1rem/1.55 {face};")),
            "{face}"
        );
    }
}
