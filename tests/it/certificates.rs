//! The certificates of a workshop, as OpenSSL and Python's `ssl` judge them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

use crate::{imagegen, program, project, text};

const NAMES: &str = "version: 1\nnetwork: {hub_ip: 10.0.0.5, hub_name: jupyter.example.org}\n";

/// A workshop whose hub's files lie in `root`, beside the authority's certificate and key.
struct Printed(tempfile::TempDir);

impl Printed {
    fn of(workshop: &str) -> Self {
        let printed = Self(tempfile::tempdir().unwrap());
        std::fs::write(printed.at("workshop.yaml"), workshop).unwrap();
        printed.print();
        printed
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    fn print(&self) -> String {
        let said = self.runs(&["hub", "--output", "hub"]);
        let mut unpack = Command::new(program("python3"));
        unpack.arg("-B").arg(project("tests/guest/unpack.py")).args(["hub", "root"]);
        unpack.current_dir(self.0.path()).assert().success();
        for name in ["hub.crt", "hub.key", "page.crt", "page.key"] {
            std::fs::copy(self.at("root/etc/imagegen").join(name), self.at(name)).unwrap();
        }
        let output = imagegen(self.0.path()).arg("authority").output().unwrap();
        std::fs::write(self.at("authority.crt"), output.stdout).unwrap();
        let secrets: serde_json::Value = serde_yaml::from_str(&self.read("workshop.secrets.yaml")).unwrap();
        std::fs::write(self.at("authority.key"), secrets["authority"]["key"].as_str().unwrap()).unwrap();
        said
    }

    /// What a run says.
    fn runs(&self, arguments: &[&str]) -> String {
        let output = imagegen(self.0.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stderr)
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        let output =
            Command::new(program("openssl")).args(arguments).current_dir(self.0.path()).output().unwrap();
        text(&output.stdout) + &text(&output.stderr)
    }

    /// What OpenSSL says of a certificate under the authority.
    fn verified(&self, name: &str, options: &[&str]) -> String {
        let strict = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "authority.crt"];
        self.openssl(&[&strict[..], options, &[name]].concat())
    }

    /// A certificate for another name, signed by the authority's key as whoever has stolen it would.
    fn forged(&self, name: &str) -> String {
        let extensions =
            format!("subjectAltName={name}\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n");
        std::fs::write(self.at("forged.ext"), extensions).unwrap();
        self.openssl(&["req", "-new", "-key", "page.key", "-subj", "/CN=forged", "-out", "forged.csr"]);
        let sign = ["x509", "-req", "-in", "forged.csr", "-CA", "authority.crt", "-CAkey", "authority.key"];
        self.openssl(&[&sign[..], &["-days", "9", "-extfile", "forged.ext", "-out", "forged.crt"]].concat());
        self.verified("forged.crt", &[])
    }

    /// What Python's `ssl` says to a client that calls the hub by each of some names and trusts `authority`.
    fn called(&self, authority: &str, names: &[&str]) -> BTreeMap<String, String> {
        let mut call = Command::new(program("python3"));
        call.arg("-B")
            .arg(project("tests/guest/call.py"))
            .args([authority, "page.crt", "page.key"])
            .args(names);
        let output = call.current_dir(self.0.path()).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    }

    /// Makes the secrets say another day.
    fn renew(&self, day: &str) {
        let secrets = self.read("workshop.secrets.yaml");
        let (before, _) = secrets.split_once("page_since: ").unwrap();
        std::fs::write(self.at("workshop.secrets.yaml"), format!("{before}page_since: {day}\n")).unwrap();
    }
}

fn is_ok(verdict: &str) -> bool {
    verdict.ends_with(": OK\n")
}

#[test]
fn the_page_has_a_certificate_of_the_authority_for_its_names_and_for_no_other() {
    let printed = Printed::of(NAMES);
    for right in [["-verify_ip", "10.0.0.5"], ["-verify_hostname", "jupyter.example.org"]] {
        assert_eq!(printed.verified("page.crt", &right), "page.crt: OK\n");
    }
    for wrong in [["-verify_ip", "10.0.0.6"], ["-verify_hostname", "a.jupyter.example.org"]] {
        assert!(printed.verified("page.crt", &wrong).contains("mismatch"), "{wrong:?}");
    }
    let other = Printed::of(NAMES);
    std::fs::copy(other.at("page.crt"), printed.at("foreign.crt")).unwrap();
    assert!(!is_ok(&printed.verified("foreign.crt", &[])));
    let names = ["jupyter.example.org", "10.0.0.5", "example.org", "10.0.0.6"];
    let verdicts = printed.called("authority.crt", &names);
    let said = names.map(|name| verdicts[name].as_str());
    assert_eq!(said[..2], ["trusted", "trusted"]);
    assert!(said[2].contains("Hostname mismatch") && said[3].contains("IP address mismatch"), "{said:?}");
    std::fs::copy(other.at("authority.crt"), printed.at("foreign.crt")).unwrap();
    assert!(!printed.called("foreign.crt", &names).values().any(|verdict| verdict == "trusted"));
    let shown = printed.openssl(&["x509", "-in", "page.crt", "-noout", "-fingerprint", "-sha256"]);
    let fingerprint = shown.trim().split('=').next_back().unwrap();
    let cards = imagegen(printed.0.path()).args(["users", "--format", "cards"]).output().unwrap();
    assert!(text(&cards.stdout).contains(fingerprint), "{shown}");
}

#[test]
fn whoever_steals_the_authoritys_key_can_forge_no_name_but_the_pages() {
    let printed = Printed::of(NAMES);
    for allowed in
        ["DNS:jupyter.example.org", "DNS:a.jupyter.example.org", "DNS:*.jupyter.example.org", "IP:10.0.0.5"]
    {
        assert!(is_ok(&printed.forged(allowed)), "{allowed}");
    }
    for forbidden in
        ["DNS:example.org", "DNS:notjupyter.example.org", "DNS:bank.example.com", "IP:10.0.0.6", "IP:::1"]
    {
        let said = printed.forged(forbidden);
        assert!(said.contains("permitted subtree violation"), "{forbidden}: {said}");
    }
    let without_address = Printed::of("version: 1\n");
    assert!(is_ok(&without_address.verified("page.crt", &[])));
    for forbidden in ["DNS:jupyter.example.org", "IP:10.0.0.5", "IP:::1"] {
        let said = without_address.forged(forbidden);
        assert!(said.contains("subtree violation"), "{forbidden}: {said}");
    }
    let shown = printed.openssl(&[
        "x509",
        "-in",
        "authority.crt",
        "-noout",
        "-ext",
        "nameConstraints,basicConstraints",
    ]);
    assert_eq!(shown.matches("critical").count(), 2, "{shown}");
}

#[test]
fn what_an_instance_gets_signs_nothing_that_a_browser_takes() {
    let printed = Printed::of(NAMES);
    let key = printed.read("authority.key");
    let body = key.lines().nth(1).unwrap();
    let mut texts = vec![printed.read("hub")];
    for arguments in [&["hub", "--stock"][..], &["node", "--hub-ip", "10.0.0.5"]] {
        texts.push(text(&imagegen(printed.0.path()).args(arguments).output().unwrap().stdout));
    }
    assert!(texts.iter().all(|text| !text.contains(body)));
    for name in ["hub.crt", "page.crt"] {
        let shown = printed.openssl(&["x509", "-in", name, "-noout", "-ext", "basicConstraints,keyUsage"]);
        assert!(shown.contains("CA:FALSE") && !shown.contains("Certificate Sign"), "{name}: {shown}");
    }
    let hub = ["hub.key", "page.key", "authority.key"].map(|name| printed.read(name));
    assert!(hub[0] != hub[1] && hub[1] != hub[2] && hub[0] != hub[2]);
}

#[test]
fn the_page_is_valid_for_as_long_as_browsers_allow_and_a_later_day_renews_it() {
    let printed = Printed::of(NAMES);
    let dates = |name: &str| printed.openssl(&["x509", "-in", name, "-noout", "-dates"]);
    printed.renew("2027-03-01");
    let [rendezvous, authority] = ["hub.crt", "authority.crt"].map(|name| printed.read(name));
    let said = printed.print();
    assert!(said.contains("is valid from 2027-03-01 on"), "{said}");
    assert_eq!(dates("page.crt"), "notBefore=Feb 28 00:00:00 2027 GMT\nnotAfter=Mar 30 23:59:59 2028 GMT\n");
    assert_eq!([rendezvous, authority], ["hub.crt", "authority.crt"].map(|name| printed.read(name)));
    for (day, verdict) in [
        ("2027-02-27", "not yet valid"),
        ("2027-03-01", "OK"),
        ("2028-03-30", "OK"),
        ("2028-04-01", "expired"),
    ] {
        let moment = Command::new(program("date")).args(["-u", "-d", day, "+%s"]).output().unwrap();
        let said = printed.verified("page.crt", &["-attime", text(&moment.stdout).trim()]);
        assert!(said.contains(verdict), "{day}: {said}");
    }
}

#[test]
fn an_expired_page_is_told_and_refused() {
    let printed = Printed::of(NAMES);
    let secrets = printed.read("workshop.secrets.yaml");
    let today = secrets.rsplit(": ").next().unwrap().trim().trim_matches('"');
    std::fs::write(printed.at("workshop.secrets.yaml"), secrets.replace(today, "2020-01-01")).unwrap();
    let said = printed.print();
    assert!(said.contains("the page's certificate ended on 2021-01-30"), "{said}");
    assert!(said.contains(&format!("write `page_since: {today}` in workshop.secrets.yaml")), "{said}");
    let verdicts = printed.called("authority.crt", &["jupyter.example.org"]);
    assert!(verdicts["jupyter.example.org"].contains("certificate has expired"), "{verdicts:?}");
    printed.renew(today);
    assert!(!printed.print().contains("page's certificate"));
    assert_eq!(printed.called("authority.crt", &["jupyter.example.org"])["jupyter.example.org"], "trusted");
}

/// The file with which a workshop began under an imagegen that had one certificate for everything.
fn of_an_earlier_imagegen(folder: &Path) -> String {
    let fixture = std::fs::read_to_string(project("tests/fixtures/workshop.secrets.yaml")).unwrap();
    let old = fixture.replace("version: 2", "version: 1");
    let old = old.split_once("authority:\n").unwrap().0.to_owned();
    let file = folder.join("workshop.secrets.yaml");
    std::fs::write(&file, &old).unwrap();
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    old
}

#[test]
fn secrets_of_an_earlier_imagegen_get_an_authority_with_the_hubs_text_and_nodes_notice_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let old = of_an_earlier_imagegen(folder.path());
    let run = |arguments: &[&str]| {
        let output = imagegen(folder.path()).args(arguments).output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let kept = || std::fs::read_to_string(folder.path().join("workshop.secrets.yaml")).unwrap();
    let (_, node, _) = run(&["node", "--hub-ip", "10.0.0.5"]);
    run(&["check"]);
    let (code, _, said) = run(&["users", "--format", "cards", "--address", "jupyter.example.org"]);
    assert!(code == Some(1) && said.contains("run `imagegen hub`, which adds one"), "{said}");
    assert_eq!(kept(), old, "a look changes nothing");
    let texts: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| run(&["hub"]).1)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(texts.iter().all(|text| *text == texts[0] && !text.is_empty()));
    assert!(kept().contains("authority:") && kept().contains("version: 2"));
    let certificate = |text: &str| {
        text.split("certificate: |").nth(1).unwrap().split("authority:").next().unwrap().to_owned()
    };
    assert_eq!(certificate(&kept()), certificate(&old));
    assert_eq!(run(&["node", "--hub-ip", "10.0.0.5"]).1, node);
    assert_eq!(run(&["hub"]), (Some(0), texts[0].clone(), run(&["hub"]).2));
    let (_, _, said) = run(&["users", "--format", "cards", "--address", "jupyter.example.org"]);
    assert!(said.is_empty() || !said.contains("error"), "{said}");
    of_an_earlier_imagegen(folder.path());
    let (_, _, said) = run(&["hub"]);
    assert!(said.contains("It now has a new authority") && said.contains("imagegen authority"), "{said}");
}
