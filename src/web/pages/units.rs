//! A number and its unit on one line: no page breaks between them. Text that is not HTML keeps its plain spaces.

/// What follows a number as its unit.
const UNITS: [&str; 12] = [
    "%", "points", "s", "min", "h", "ms", "bytes", "kB", "MB", "GB", "MiB", "nats",
];
/// Elements whose text programs read, or people copy for programs.
const VERBATIM: [&str; 5] = ["script", "style", "textarea", "pre", "code"];

/// The same HTML with a no-break space between each number and its unit.
pub fn kept_together(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 64);
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        join(&rest[..start], &mut out);
        rest = &rest[start..];
        let mut end = tag_end(rest);
        let name = rest[1..].split(|c: char| !c.is_ascii_alphanumeric()).next();
        if let Some(name) = name.filter(|name| VERBATIM.contains(name)) {
            end = rest.find(&format!("</{name}")).unwrap_or(rest.len());
        }
        out.push_str(&rest[..end]);
        rest = &rest[end..];
    }
    join(rest, &mut out);
    out
}

/// Bytes of the tag that a text begins with: `>` in an attribute's value does not end it.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (place, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return place + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn join(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(' ') {
        let end = after.find(|c: char| !c.is_alphanumeric() && c != '%');
        let word = &after[..end.unwrap_or(after.len())];
        let is_unit = before.ends_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&word);
        out.push_str(before);
        out.push(if is_unit { '\u{a0}' } else { ' ' });
        rest = after;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_unit() {
        let html = "<p title=\"9 % > 8 %\">17.8 % (16 of 90), 25.1 points, in 3 min 20 s.</p>";
        let wanted = "<p title=\"9 % > 8 %\">17.8\u{a0}% (16 of 90), 25.1\u{a0}points, in 3\u{a0}min 20\u{a0}s.</p>";
        assert_eq!(kept_together(html), wanted);
    }

    #[test]
    fn words_and_what_programs_read_stay_as_they_are() {
        for html in [
            "<p>3 seeds, 5 stripes, a % b</p>",
            "<script>if (a < 3 % 2) b = \"5 s\";</script>",
            "<pre class=\"log\"><time>5 s</time></pre>",
            "a < b, 5 of 6",
        ] {
            assert_eq!(kept_together(html), html);
        }
    }
}
