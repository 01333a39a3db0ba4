//! What the compiler refuses: a forgotten await is an error where warnings are.

#[test]
fn forgotten_awaits_are_seen_by_the_compiler() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile/*.rs");
}
