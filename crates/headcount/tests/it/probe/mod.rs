//! What is learnt from an answer's body.

mod charset;
mod extract;
mod hostile;
mod markup;
mod properties;
mod sniff;
mod text;

/// The title of an HTML page whose encoding nothing outside the page declares.
fn title(page: impl AsRef<[u8]>) -> Option<String> {
    headcount::probe::title(page.as_ref(), Some("text/html"))
}

#[track_caller]
fn check<'a>(page: impl AsRef<[u8]>, expected: impl Into<Option<&'a str>>) {
    let page = page.as_ref();
    assert_eq!(title(page).as_deref(), expected.into(), "in {}", String::from_utf8_lossy(page));
}
