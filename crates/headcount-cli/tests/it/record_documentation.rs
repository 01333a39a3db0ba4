//! docs/record.md is made from the types that it describes. `HEADCOUNT_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use headcount::record::{Kind, Phase, json_schema};
use serde_json::Value;

#[test]
fn the_page_says_what_the_types_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/record.md");
    let page = page();
    if std::env::var_os("HEADCOUNT_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/record.md is behind the types; run the tests with HEADCOUNT_BLESS=1");
}

fn page() -> String {
    let schema = serde_json::to_value(json_schema()).unwrap();
    let mut page = String::from(
        "# The record\n\n<!-- Made from crates/headcount/src/record.rs; see \
        crates/headcount-cli/tests/it/record_documentation.rs. -->\n\n",
    );
    writeln!(page, "{}\n", text(&schema)).unwrap();
    page.push_str("`headcount schema` prints the same as a JSON Schema.\n\n## Fields\n\n");
    page.push_str("| field | type | meaning |\n|-|-|-|\n");
    let mut rust_order = include_str!("../../../headcount/src/record.rs").lines();
    let fields = schema["properties"].as_object().unwrap();
    let mut names = Vec::new();
    // The schema sorts its fields; people want them as they belong together.
    for line in rust_order.by_ref().skip_while(|line| !line.contains("pub struct Record {")).skip(1) {
        if line == "}" {
            break;
        }
        if let Some((name, _)) = line.trim().strip_prefix("pub ").and_then(|rest| rest.split_once(':')) {
            names.push(name.to_owned());
        }
    }
    assert_eq!(names.len(), fields.len(), "every field is found in the source");
    for name in names {
        writeln!(page, "| `{name}` | {} | {} |", kind(&fields[&name]), text(&fields[&name])).unwrap();
    }
    page.push_str("\n## Outcomes\n\n| outcome | meaning |\n|-|-|\n");
    for (word, meaning) in choices(&schema["$defs"]["Outcome"]) {
        writeln!(page, "| `{word}` | {meaning} |").unwrap();
    }
    page.push_str("\n## Errors\n\n`error` has a `phase`, a `kind` and a `message` for people. Both lists are closed.\n\n");
    page.push_str("| phase | where | kinds |\n|-|-|-|\n");
    for (word, meaning) in choices(&schema["$defs"]["Phase"]) {
        let phase = Phase::ALL.iter().find(|phase| phase.as_str() == word).unwrap();
        let kinds: Vec<String> = phase.kinds().iter().map(|kind| format!("`{kind}`")).collect();
        writeln!(page, "| `{word}` | {meaning} | {} |", kinds.join(", ")).unwrap();
    }
    page.push_str("\n| kind | what happened |\n|-|-|\n");
    let kinds = choices(&schema["$defs"]["Kind"]);
    assert_eq!(kinds.len(), Kind::ALL.len());
    for (word, meaning) in kinds {
        writeln!(page, "| `{word}` | {meaning} |").unwrap();
    }
    page.push_str("\nA refused certificate has a `reason` too:\n\n| reason | why |\n|-|-|\n");
    for (word, meaning) in choices(&schema["$defs"]["Reason"]) {
        writeln!(page, "| `{word}` | {meaning} |").unwrap();
    }
    page.push_str("\n## Certificates\n\n`certificate`, with `--tls-info`:\n\n| field | meaning |\n|-|-|\n");
    for (field, about) in schema["$defs"]["Certificate"]["properties"].as_object().unwrap() {
        writeln!(page, "| `{field}` | {} |", text(about)).unwrap();
    }
    page
}

fn text(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.replace("\n\n", "\u{0}").replace('\n', " ").replace('\u{0}', "\n\n")
}

fn choices(schema: &Value) -> Vec<(String, String)> {
    let choices = schema["oneOf"].as_array().unwrap();
    choices.iter().map(|choice| (choice["const"].as_str().unwrap().to_owned(), text(choice))).collect()
}

fn kind(schema: &Value) -> String {
    let named = |reference: &Value| {
        reference["$ref"].as_str().and_then(|path| path.rsplit('/').next()).map(str::to_lowercase)
    };
    if let Some(name) = named(schema) {
        return name;
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let parts: Vec<String> = options.iter().map(kind).collect();
        return parts.join(" or ");
    }
    let one = |name: &str| match (name, schema["format"].as_str()) {
        ("string", Some("date-time")) => "time".to_owned(),
        ("string", Some("ip")) => "IP address".to_owned(),
        ("array", _) => format!("array of {}s", kind(&schema["items"])),
        (name, _) => name.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => one(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or ")
        }
        _ => String::new(),
    }
}
