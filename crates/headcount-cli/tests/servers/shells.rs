//! The completions, in the shells themselves, and the manual, as man sets it.

use std::process::Command;

use crate::harness::Desk;

/// What a shell's script says.
fn said(desk: &Desk, shell: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(shell);
    let output = command.args(arguments).current_dir(desk.path("")).env("HOME", desk.path("")).output();
    let output = output.unwrap_or_else(|error| panic!("{shell}: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn desk(shell: &str) -> Desk {
    let desk = Desk::new();
    desk.write("completions", desk.run(&["completions", shell]).stdout);
    desk
}

#[test]
fn man_sets_every_page_without_a_warning() {
    let desk = Desk::new();
    for command in
        [&["man"][..], &["man", "check"], &["man", "demo"], &["man", "report"], &["man", "journal"]]
    {
        desk.write("page.1", desk.run(command).stdout);
        let script = "LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l page.1";
        let page = said(&desk, "bash", &["-c", script]);
        assert!(page.starts_with("headcount") && page.contains("\nOPTIONS\n"), "{page}");
        assert!(!page.contains("warning:"), "{page}");
    }
}

#[test]
fn fish_completes_flags_and_commands() {
    let desk = desk("fish");
    let complete = |line: &str| {
        let script = format!("source completions; complete -C '{line}'");
        let said = said(&desk, "fish", &["--no-config", "-c", &script]);
        said.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete("headcount che"), ["check"]);
    assert_eq!(complete("headcount check --list"), ["--list", "--list-format"]);
    assert_eq!(complete("headcount check --list-format j"), ["jsonl"]);
}

#[test]
fn zsh_completes_flags_and_commands() {
    let desk = desk("zsh");
    // A terminal of its own, in which the line is typed; the function shows what became of it.
    let complete = |line: &str| {
        desk.write(
            "type.zsh",
            format!(
                r#"zmodload zsh/zpty
                zpty shell 'TERM=dumb zsh -f -i'
                zpty -w shell 'PS1= ; unsetopt beep; autoload -U compinit; compinit -u -d ./dump; source ./completions'
                zpty -w shell 'headcount() {{ print -r -- "<"${{(j: :)@}}">" }}; print -r -- re""ady'
                zpty -r -m shell heard '*ready*' || exit 1
                zpty -w -n shell '{line}'$'\t\n'
                zpty -r -m shell heard '*<*>*' && print -r -- "$heard"
                zpty -d shell"#
            ),
        );
        let said = said(&desk, "zsh", &["-f", "type.zsh"]);
        let found = said.rsplit_once('<').and_then(|(_, behind)| behind.split_once('>'));
        found.unwrap_or_else(|| panic!("{said:?}")).0.to_owned()
    };
    assert_eq!(complete("headcount che"), "check");
    assert_eq!(complete("headcount check --list-f"), "check --list-format");
    assert_eq!(complete("headcount check --list-format j"), "check --list-format jsonl");
    assert_eq!(complete("headcount check --max-red"), "check --max-redirects");
}
