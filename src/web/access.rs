//! Who may use the server: everybody on this machine, or who has the token.

use crate::store::token;
use axum::http::{HeaderMap, header};

/// The cookie of a browser that has logged in.
const COOKIE: &str = "gapwatch_session";

/// What a request must show.
#[derive(Clone, Debug, Default)]
pub struct Access {
    secrets: Option<Secrets>,
    /// The server listens on this machine only, so a Host header that names another is a rebinding attack.
    pub loopback: bool,
}

#[derive(Clone, Debug)]
struct Secrets {
    token_hash: [u8; 32],
    /// Derived from the token: a cookie that leaks does not tell it.
    session: String,
    session_hash: [u8; 32],
}

impl Access {
    pub fn new(token: Option<&str>, loopback: bool) -> Access {
        let secrets = token.map(|given| {
            let session = blake3::Hash::from_bytes(blake3::derive_key(
                "gapwatch session 1",
                given.as_bytes(),
            ))
            .to_hex()
            .to_string();
            Secrets {
                token_hash: token::hash(given),
                session_hash: token::hash(&session),
                session,
            }
        });
        Access { secrets, loopback }
    }

    /// True where nobody has to log in.
    pub fn is_open(&self) -> bool {
        self.secrets.is_none()
    }

    /// True where the request carries the token or a logged-in browser's cookie, or needs neither.
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(secrets) = &self.secrets else {
            return true;
        };
        bearer(headers).is_some_and(|given| token::matches(given, &secrets.token_hash))
            || cookies(headers).any(|given| token::matches(given, &secrets.session_hash))
    }

    /// The `Set-Cookie` value for one who gave the right token.
    pub fn session_cookie(&self, given: &str) -> Option<String> {
        let secrets = self.secrets.as_ref()?;
        token::matches(given, &secrets.token_hash).then(|| {
            format!(
                "{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000",
                secrets.session
            )
        })
    }
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn the_token_opens_as_bearer_and_through_the_cookie_it_gives() {
        let access = Access::new(Some("a long secret"), false);
        assert!(!access.admits(&HeaderMap::new()));
        assert!(access.admits(&with(header::AUTHORIZATION, "Bearer a long secret")));
        assert!(!access.admits(&with(header::AUTHORIZATION, "Bearer another")));
        assert!(!access.admits(&with(header::AUTHORIZATION, "Basic a long secret")));

        assert_eq!(access.session_cookie("another"), None);
        let cookie = access.session_cookie("a long secret").unwrap();
        let pair = cookie.split(';').next().unwrap();
        assert!(!pair.contains("secret"));
        let both = format!("theme=dark; {pair}");
        assert!(access.admits(&with(header::COOKIE, &both)));
        assert!(!access.admits(&with(header::COOKIE, &format!("{pair}0"))));
    }
}
