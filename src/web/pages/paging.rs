//! Long lists, a page at a time.

use super::wording::thousands;
use askama::Template;
use serde::{Deserialize, Deserializer};

/// Rows of a table on a page: with what stands around them they fill less than four screens.
pub const ROWS: usize = 20;

/// Which of a list's items are shown, and the ways to the others.
#[derive(Template)]
#[template(path = "paging.html")]
pub struct Paging {
    first: usize,
    last: usize,
    total: usize,
    previous: Option<String>,
    next: Option<String>,
}

impl Paging {
    /// Keeps the items of a page of at most `size`, which counts from 1 and is the last one at most; `address` gives that of
    /// another page.
    pub fn of<T>(
        items: &mut Vec<T>,
        page: usize,
        size: usize,
        address: impl Fn(usize) -> String,
    ) -> Paging {
        let total = items.len();
        let page = page.clamp(1, total.div_ceil(size).max(1));
        let before = (page - 1) * size;
        items.drain(..before);
        items.truncate(size);
        let last = before + items.len();
        Paging {
            first: before + 1,
            last,
            total,
            previous: (page > 1).then(|| address(page - 1)),
            next: (last < total).then(|| address(page + 1)),
        }
    }
}

/// The number of a page in a query; what is none is the first.
pub fn page_number<'de, D: Deserializer<'de>>(text: D) -> Result<usize, D::Error> {
    Ok(String::deserialize(text)?.parse().unwrap_or(1))
}

/// The query of a page with one list.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    #[serde(default, deserialize_with = "page_number")]
    pub page: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(of: usize, page: usize) -> (Vec<usize>, Paging) {
        let mut items: Vec<usize> = (1..=of).collect();
        let paging = Paging::of(&mut items, page, ROWS, |page| format!("/?page={page}"));
        (items, paging)
    }

    #[test]
    fn pages_hold_all_items_once() {
        let shown: Vec<usize> = (1..=3).flat_map(|number| page(60, number).0).collect();
        assert_eq!(shown, (1..=60).collect::<Vec<_>>());
        let (_, middle) = page(60, 2);
        assert_eq!((middle.first, middle.last), (21, 40));
        assert_eq!(middle.previous.as_deref(), Some("/?page=1"));
        assert_eq!(middle.next.as_deref(), Some("/?page=3"));
    }

    #[test]
    fn a_page_beyond_the_end_is_the_last() {
        assert_eq!(page(22, 9).0, [21, 22]);
        assert_eq!(page(20, 0).0.len(), 20);
        let (items, only) = page(0, 1);
        assert!(items.is_empty() && only.previous.is_none() && only.next.is_none());
    }
}
