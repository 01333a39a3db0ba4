//! What is wrong with a command line is said before anything is sent: what, and how to mend it; exit 3.

use crate::harness::Desk;

/// What the command says to a wrong line.
fn complaint(desk: &Desk, words: &str) -> String {
    let ended = desk.check(words);
    assert_eq!(ended.code, Some(3), "{words}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{words}");
    ended.stderr
}

#[test]
fn wrong_values_are_named_with_what_would_be_right() {
    let desk = Desk::new();
    desk.write("headers.txt", "Good: yes\nsecret without a colon\n");
    desk.write("urls.txt", "http://127.0.0.1:1/\n");
    let lines = [
        "urls.txt --concurrency 0",
        "urls.txt -c some",
        "urls.txt -c many",
        "urls.txt --per-host 0",
        "urls.txt --timeout 0",
        "urls.txt --timeout soon",
        "urls.txt --connect-timeout 5x",
        "urls.txt --retries -1",
        "urls.txt --retry-delay 1y",
        "urls.txt -X TWO,WORDS",
        "urls.txt -X CONNECT",
        "urls.txt -H no-colon",
        "urls.txt -H @missing.txt",
        "urls.txt -H @headers.txt",
        "urls.txt -H Content-Length:5",
        "urls.txt -H Transfer-Encoding:chunked",
        "urls.txt --cacert missing.pem",
        "urls.txt --cacert urls.txt",
        "urls.txt --max-redirects ten",
        "urls.txt --max-body 1T",
        "urls.txt --accept 200..=99",
        "urls.txt --accept ok",
        "urls.txt --grace never",
        "urls.txt -o report.xyz",
        "urls.txt -o missing/report.json",
        "urls.txt -f yaml",
        "urls.txt -f json -j",
        "urls.txt -f json -o - -o -",
        "urls.txt -o /dev/stdout -o -",
        "urls.txt -q -v",
        "urls.txt --color blue",
        "urls.txt --no-such-flag",
        "urls.txt --timeuot 3s",
        "urls.txt --timeout",
        "urls.txt --timeout -5",
        "urls.txt --robots=yes",
        "urls.txt --explain=",
        "missing.txt",
        "./missing",
        "*.example",
        ". --no-progress",
        "- -",
    ];
    let said: Vec<String> =
        lines.iter().map(|line| format!("$ headcount check {line}\n{}", complaint(&desk, line))).collect();
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(desk.names(), ["headers.txt", "urls.txt"], "nothing was made");
}

#[test]
fn what_stands_in_the_place_of_a_command_may_be_meant_for_one() {
    let desk = Desk::new();
    desk.write("list", "http://127.0.0.1:1/\n");
    let said = |words: &[&str]| {
        let ended = desk.run(words);
        assert_eq!(ended.code, Some(3), "{}", ended.stderr);
        ended.stderr.lines().last().unwrap().to_owned()
    };
    for input in ["urls.txt", "http://a.example/", "a.example", "list"] {
        assert_eq!(said(&[input]), format!("hint: did you mean: headcount check {input}?"));
    }
    assert_eq!(said(&["chek"]), "hint: did you mean check?");
    assert_eq!(said(&["nonsense"]), "hint: `headcount --help` shows every command");
    assert_eq!(
        said(&["diff", "--nonsense"]),
        "hint: `headcount diff --help` shows every flag and what it takes"
    );
}

#[test]
fn a_list_without_a_url_is_said_to_be_one() {
    let desk = Desk::new();
    desk.write("urls.txt", "# none yet\n\n");
    let ended = desk.check("urls.txt -j");
    assert_eq!(
        (ended.code, ended.stderr.contains("note: the list holds no URL")),
        (Some(0), true),
        "{}",
        ended.stderr
    );
    assert_eq!(desk.check("urls.txt -j -q").stderr, "");
}

#[test]
fn a_header_that_cannot_be_is_not_repeated_in_the_message() {
    let desk = Desk::new();
    let ended = desk.run(&["check", "http://127.0.0.1:1/", "-H", "Authorization: Bearer \u{1}s3cret"]);
    assert_eq!(ended.code, Some(3));
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn a_user_agent_that_cannot_be_sent_is_refused() {
    let ended = Desk::new().run(&["check", "http://127.0.0.1:1/", "-A", "line\nbreak"]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
}

#[test]
fn the_output_may_not_be_an_input() {
    let desk = Desk::new();
    desk.write("urls.jsonl", "http://127.0.0.1:1/\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink("urls.jsonl", desk.path("link.jsonl")).unwrap();
    assert!(complaint(&desk, "urls.jsonl -o urls.jsonl").contains("is also the input"));
    std::fs::hard_link(desk.path("urls.jsonl"), desk.path("same.jsonl")).unwrap();
    #[cfg(unix)]
    for output in ["link.jsonl", "same.jsonl", "other.json -o same.jsonl"] {
        let said = complaint(&desk, &format!("urls.jsonl -o {output}"));
        assert!(said.contains("jsonl) is also the input urls.jsonl\nhint: "), "{said}");
    }
    assert_eq!(desk.read("urls.jsonl"), "http://127.0.0.1:1/\n", "the list is as it was");
}

#[cfg(unix)]
#[test]
fn the_output_may_not_be_a_file_that_a_flag_was_read_from() {
    let web = small_web::SmallWeb::start().unwrap();
    let (certificate, key) = web.member_pem();
    let desk = Desk::new();
    let files = [
        ("--config", "", "quiet = true\n"),
        ("-H", "@", "X-One: 1\n"),
        ("-d", "@", "a body"),
        ("--json", "@", "{}"),
        ("--user", "@", "me:s3cret"),
        ("--cacert", "", web.authority_pem()),
        ("--cert", "", &format!("{certificate}{key}")),
        ("--cert cert.pem --key", "", key),
    ];
    desk.write("cert.pem", certificate);
    for (flag, sign, text) in files {
        desk.write("out.json", text);
        let said = complaint(&desk, &format!("http://127.0.0.1:1/ {flag} {sign}out.json -o out.json"));
        assert!(said.contains("the output (out.json) is also read by a flag"), "{flag}: {said}");
        assert_eq!(desk.read("out.json"), text, "{flag}");
    }
}

#[cfg(unix)]
#[test]
fn the_output_may_not_be_the_input_behind_a_redirection_either() {
    let desk = Desk::new();
    let text = "http://127.0.0.1:1/\n";
    desk.write("urls.jsonl", text);
    let open = || std::fs::OpenOptions::new().read(true).append(true).open(desk.path("urls.jsonl")).unwrap();
    let code = |command: &mut std::process::Command| command.status().unwrap().code();
    assert_eq!(code(desk.command(&["check", "-", "-o", "urls.jsonl"]).stdin(open())), Some(3));
    assert_eq!(code(desk.command(&["check", "urls.jsonl", "-j"]).stdout(open())), Some(3));
    assert_eq!(desk.read("urls.jsonl"), text);
}

#[test]
fn a_wrong_line_leaves_the_old_output_as_it_was() {
    let desk = Desk::new();
    desk.write("old.jsonl", "kept");
    desk.write("bad.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    complaint(&desk, "http://127.0.0.1:1/ -o old.jsonl --cacert bad.pem");
    complaint(&desk, "http://127.0.0.1:1/ missing.txt -o old.jsonl");
    assert_eq!(desk.read("old.jsonl"), "kept");
}

#[test]
fn no_complaint_repeats_a_password() {
    let desk = Desk::new();
    let lines = [
        "check me:s3cret@host",
        "check -l me:s3/cret@host",
        "check -l https://me:s3cret@a.example/",
        "check --timeout me:s3cret@host",
        "check http://127.0.0.1:1/ -o me:s3cret@host.txt",
        "https://me:s3cret@a.example/",
        "demo https://me:s3cret@a.example/",
        "report https://me:s3cret@a.example/",
        "man me:s3cret@host",
    ];
    for words in lines {
        let ended = desk.run(&words.split(' ').collect::<Vec<_>>());
        assert_eq!(ended.code, Some(3), "{words}: {}", ended.stderr);
        assert!(ended.stderr.contains("***@") && !ended.stderr.contains("cret"), "{}", ended.stderr);
    }
}

#[test]
fn more_headers_than_can_be_are_refused() {
    let desk = Desk::new();
    desk.write("headers", (0..40_000).map(|number| format!("X-{number}: 1\n")).collect::<String>());
    assert!(complaint(&desk, "http://127.0.0.1:1/ -H @headers").contains("too many"));
}

/// The flags that completions know of a command.
pub(crate) fn flags(completions: &str, command: &str) -> Vec<String> {
    let (_, behind) = completions.split_once(&format!("headcount__subcmd__{command})\n")).unwrap();
    let (_, words) = behind.split_once("opts=\"").unwrap();
    let words = words.split('"').next().unwrap().split(' ');
    words.filter(|word| word.starts_with("--")).map(str::to_owned).collect()
}

#[test]
fn help_fits_the_eye() {
    let desk = Desk::new();
    let short = desk.run(&["check", "-h"]);
    assert_eq!(short.code, Some(0));
    insta::assert_snapshot!(short.stdout);
    insta::assert_snapshot!("help_of_all_commands", desk.run(&["-h"]).stdout);
    assert_eq!(desk.run(&["--version"]).code, Some(0));
    assert_eq!(desk.run(&[] as &[&str]).code, Some(3));
    for (words, said) in [
        (&["chek"][..], "error: unknown command chek\nhint: did you mean check?\n"),
        (&["schema", "x"], "error: x is one word too many\nhint: "),
    ] {
        let ended = desk.run(words);
        assert_eq!(ended.code, Some(3), "{words:?}");
        assert!(ended.stderr.starts_with(said), "{}", ended.stderr);
    }
}

#[test]
fn help_manual_and_completions_know_every_flag() {
    let desk = Desk::new();
    let text = |words: &[&str]| {
        let ended = desk.run(words);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{words:?}");
        ended.stdout
    };
    let completions = text(&["completions", "bash"]);
    for command in ["check", "demo", "report", "diff", "journal", "completions", "man"] {
        let flags = flags(&completions, command);
        assert!(flags.contains(&"--help".to_owned()), "{command}: {flags:?}");
        let help = text(&[command, "--help"]);
        let page = text(&["man", command]).replace("\\-", "-");
        assert!(page.contains(&format!(".TH headcount-{command} 1")), "{page}");
        for flag in flags {
            assert!(help.contains(&flag), "headcount {command} --help lacks {flag}");
            assert!(page.contains(&flag), "headcount man {command} lacks {flag}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
    let page = text(&["man", "completions"]).replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::assert_snapshot!("a_page_of_the_manual", page);
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(text(&["completions", shell]).contains("headcount"), "{shell}");
    }
    let problem = desk.run(&["man", "chekc"]);
    assert_eq!(problem.code, Some(3));
    assert!(problem.stderr.contains("hint: it takes check, "), "{}", problem.stderr);
}

#[cfg(unix)]
#[test]
fn bash_completes_flags_and_commands() {
    let desk = Desk::new();
    desk.write("completions", desk.run(&["completions", "bash"]).stdout);
    let complete = |words: &str| {
        let script = format!(
            "source ./completions; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _headcount headcount \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = std::process::Command::new("bash");
        let output = bash.args(["-c", &script]).current_dir(desk.path("")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete("headcount che"), "check\n");
    assert_eq!(complete("headcount check --list"), "--list --list-format\n");
    assert_eq!(complete("headcount check --list-format j"), "jsonl\n");
}

#[test]
fn the_schema_describes_every_field() {
    let ended = Desk::new().run(&["schema"]);
    let schema: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &schema["title"]), (Some(0), &"Record".into()));
    for (name, field) in schema["properties"].as_object().unwrap() {
        let is_described = field["description"].is_string() || field["$ref"].is_string();
        assert!(is_described, "{name}");
    }
}
