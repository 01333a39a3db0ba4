//! Cookies of one chain of redirects: what its hosts have set, and which of it the next request carries.

use cookie_store::CookieStore;
use http::HeaderValue;
use url::Url;

/// Browsers take none that are longer.
const LONGEST: usize = 4_096;

/// A chain gathers no more of them.
const MOST: usize = 100;

/// The cookies that a chain of redirects has been given so far. They go when it ends.
#[derive(Default)]
pub(crate) struct Cookies {
    store: CookieStore,
}

impl Cookies {
    /// Takes in what an answer for `url` sets, by the rules of RFC 6265. What breaks them is passed over.
    pub(crate) fn take_in(&mut self, set: &[HeaderValue], url: &Url) {
        for text in set.iter().filter_map(|value| value.to_str().ok()) {
            if text.len() <= LONGEST
                && !names_a_top_level_domain(text)
                && self.store.iter_any().count() < MOST
            {
                // Refused are cookies for other hosts, and what is no cookie.
                let _ = self.store.parse(text, url);
            }
        }
    }

    /// The Cookie field of a request for `url`.
    pub(crate) fn field(&self, url: &Url) -> Option<HeaderValue> {
        let pairs: Vec<String> =
            self.store.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() {
            return None;
        }
        let mut value = HeaderValue::from_str(&pairs.join("; ")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// A host may not set cookies for all of `com`.
fn names_a_top_level_domain(cookie: &str) -> bool {
    cookie.split(';').skip(1).any(|attribute| {
        let (name, value) = attribute.split_once('=').unwrap_or_default();
        let domain = value.trim().trim_start_matches('.');
        name.trim().eq_ignore_ascii_case("domain") && !domain.is_empty() && !domain.contains('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a request for `to` carries after `from` has set this.
    fn carried(from: &str, set: &[&str], to: &str) -> String {
        let mut cookies = Cookies::default();
        let set: Vec<HeaderValue> = set.iter().map(|text| HeaderValue::from_str(text).unwrap()).collect();
        cookies.take_in(&set, &Url::parse(from).unwrap());
        let field = cookies.field(&Url::parse(to).unwrap());
        field.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn cookies_go_where_they_belong() {
        let home = "https://a.example/shop/cart";
        let cases = [
            ("k=v", "https://a.example/shop/", "k=v"),
            ("k=v", "https://a.example/", ""),
            ("k=v; Path=/", "https://a.example/", "k=v"),
            ("k=v; Path=/", "https://b.a.example/", ""),
            ("k=v; Path=/; Domain=a.example", "https://b.a.example/", "k=v"),
            ("k=v; Path=/; Domain=b.example", "https://b.example/", ""),
            ("k=v; Path=/; Domain=example", "https://b.example/", ""),
            ("k=v; Path=/; Domain=.EXAMPLE", "https://b.example/", ""),
            ("k=v; Path=/", "http://a.example/", "k=v"),
            ("k=v; Path=/; Secure", "http://a.example/", ""),
            ("k=v; Path=/; Max-Age=0", "https://a.example/", ""),
            ("k=v; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "https://a.example/", ""),
            ("no cookie", "https://a.example/shop/", ""),
        ];
        for (set, to, expected) in cases {
            assert_eq!(carried(home, &[set], to), expected, "{set} for {to}");
        }
    }

    #[test]
    fn the_last_word_counts_and_there_is_a_limit() {
        assert_eq!(carried("http://a.example/", &["k=1", "k=2"], "http://a.example/"), "k=2");
        assert_eq!(carried("http://a.example/", &["k=1", "k=; Max-Age=0"], "http://a.example/"), "");
        assert_eq!(
            carried("http://a.example/", &[&format!("k={}", "x".repeat(5_000))], "http://a.example/"),
            ""
        );
        let many: Vec<String> = (0..500).map(|number| format!("k{number}=v")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(carried("http://a.example/", &many, "http://a.example/").matches('=').count(), MOST);
    }
}
