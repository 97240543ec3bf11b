//! No secret is shown by `Debug`, wherever a value with one in it ends up in a message.

use std::fmt::Debug;
use std::path::PathBuf;

use imagegen::host::random;
use imagegen::rehearsal::{BootTest, Student, Texts};
use imagegen::userdata::{ImageKind, InstanceRole, InstanceSpec, Platform};
use imagegen::vm::Accelerator;
use imagegen::vm::one_shot::OneShotVm;
use imagegen::workshop::{ExtraFile, OwnCertificate, Secrets, Workshop};

const CANARY: &str = "canary-7Jq2";

/// Values of secrets that must not be seen: the canary, and each line of what a secrets file has behind its keys.
fn hidden(secrets: &Secrets) -> Vec<String> {
    let text = secrets.to_text("training").unwrap();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/_-=".contains(c));
    let long = words.filter(|word| word.len() > 30 && word.chars().any(|c| c.is_ascii_digit()));
    long.map(str::to_owned).chain([CANARY.to_owned()]).collect()
}

fn shown(value: &dyn Debug, hidden: &[String]) -> Option<String> {
    let text = format!("{value:?}\n{value:#?}");
    hidden.iter().any(|secret| text.contains(secret)).then_some(text)
}

fn workshop() -> Workshop {
    let mut workshop = Workshop::default_workshop();
    workshop.web.certificate = Some(OwnCertificate { chain: "public".into(), key: CANARY.into() });
    workshop.hub.files =
        vec![ExtraFile { path: "/etc/token".into(), content: CANARY.into(), mode: "0600".into() }];
    workshop
}

#[test]
fn debug_shows_no_secret() {
    let today = time::Date::from_calendar_date(2026, time::Month::November, 28).unwrap();
    let secrets = Secrets::generate(today, random::fill).unwrap();
    let hidden = hidden(&secrets);
    assert!(hidden.len() > 5, "{hidden:?}");
    let workshop = workshop();
    let machine = InstanceSpec {
        workshop: &workshop,
        secrets: &secrets,
        role: InstanceRole::Hub,
        image: ImageKind::Golden,
    };
    let rendered = machine.render(Platform::Horizon).unwrap();
    assert!(shown(&rendered.text, &hidden).is_some(), "the text itself has them");
    let texts = || Texts { hub: rendered.text.clone(), node: CANARY.into() };
    let trial =
        BootTest { image: PathBuf::new(), first: vec![], then: vec![], texts: texts(), logs: PathBuf::new() };
    let vm = OneShotVm {
        name: "trial".into(),
        disk: PathBuf::new(),
        drives: vec![],
        user_data: rendered.text.clone(),
        accelerator: Accelerator::Tcg,
        folder: PathBuf::new(),
        first_event_timeout: std::time::Duration::ZERO,
        timeout: std::time::Duration::ZERO,
    };
    let student = Student { name: "ada".into(), uid: 1815, gid: 1815, password: CANARY.into() };
    let page = secrets.page_certificate(&workshop).unwrap();
    let values: [&dyn Debug; 9] =
        [&secrets, &workshop, &machine, &rendered, &texts(), &trial, &vm, &student, &page];
    for value in values {
        assert_eq!(shown(value, &hidden), None);
    }
}

#[test]
fn a_secret_that_is_shown_is_found() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "it is only formatted")]
    struct Revealing(String);
    assert!(shown(&Revealing(CANARY.into()), &[CANARY.to_owned()]).is_some());
}
