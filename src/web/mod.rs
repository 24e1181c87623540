//! Routes, pages, JSON API, server-sent events, downloads, assets.
