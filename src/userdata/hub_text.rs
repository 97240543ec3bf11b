//! A hub's user-data → the secrets in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{paths, read_back};
use crate::failure::Result;
use crate::workshop::{HubFiles, Random, Restored, secret_findings};

/// The secrets that a hub's user-data was made with, but for the authority. The text may be as imagegen printed it, plain or compressed, or as a
/// cloud shows it, which is in base64 for some; `name` stands for it in messages.
///
/// # Errors
/// A finding where it is not the whole user-data of a hub.
pub fn restore(name: &str, bytes: &[u8], random: Random) -> Result<Restored> {
    let files = read_back::files(&without_wrapping(&decoded(bytes)))
        .map_err(|reason| secret_findings::nothing_to_restore(name, &reason))?;
    let content = |file: &str| Some(files.get(&format!("{}/{file}", paths::SETTINGS))?.content.as_str());
    let files = HubFiles {
        settings: content("settings.json"),
        password_seed: content("password-seed"),
        certificate: content("hub.crt"),
        certificate_key: content("hub.key"),
    };
    files.restore(name, random)
}

/// UTF-16 is what Windows' shells write.
fn decoded(bytes: &[u8]) -> String {
    let units = |order: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| order([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned(),
    }
}

/// Without blank lines around it, and out of the base64 in which Nova keeps it.
fn without_wrapping(text: &str) -> String {
    let letters: String = text.split_whitespace().collect();
    let plain = STANDARD.decode(letters).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    plain.as_deref().unwrap_or(text).trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Ipv4Addr;

    use super::super::{ImageKind, InstanceRole, InstanceSpec, Platform};
    use super::*;
    use crate::failure::Failure;
    use crate::host::random::fill;
    use crate::workshop::{Secrets, Workshop};

    fn secrets() -> Secrets {
        Secrets::parse("test", include_str!("../../tests/fixtures/workshop.secrets.yaml")).expect("sound")
    }

    fn text(workshop: &Workshop, role: InstanceRole, image: ImageKind) -> String {
        let machine = InstanceSpec { workshop, secrets: &secrets(), role, image };
        machine.render(Platform::Horizon).expect("fits").text
    }

    /// A text that is compressed as a whole, as one is that would be too long otherwise.
    fn compressed(text: &str) -> String {
        let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        packed.write_all(text.as_bytes()).expect("in memory");
        let body = STANDARD.encode(packed.finish().expect("in memory"));
        format!(
            "Content-Type: application/gzip\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n{body}\n"
        )
    }

    fn is_whole(bytes: &[u8]) -> bool {
        restore("hub", bytes, fill).is_ok_and(|found| {
            let same = [found.secrets.workshop_id("training"), found.secrets.join_key.clone()]
                == [secrets().workshop_id("training"), secrets().join_key];
            same && found.secrets.certificate_key == secrets().certificate_key && found.workshop == "training"
        })
    }

    #[test]
    fn what_imagegen_prints_and_what_clouds_show_holds_the_secrets() {
        let usual = Workshop::default_workshop();
        let texts = [ImageKind::Golden, ImageKind::Stock].map(|image| text(&usual, InstanceRole::Hub, image));
        for text in [texts[0].clone(), texts[1].clone(), compressed(&texts[0])] {
            let packed = STANDARD.encode(&text);
            let lines: Vec<&str> =
                packed.as_bytes().chunks(76).map(|line| str::from_utf8(line).expect("ASCII")).collect();
            let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for shown in [
                text.clone(),
                text.replace('\n', "\r\n"),
                format!("\u{feff}{text}"),
                format!("\n\n{text}\n\n"),
                packed.clone(),
                lines.join("\r\n") + "\r\n",
            ] {
                assert!(is_whole(shown.as_bytes()), "{}", shown.split_at(60).0);
            }
            assert!(is_whole(&[&[0xff, 0xfe], &wide[..]].concat()));
        }
    }

    #[test]
    fn a_text_of_a_node_and_what_is_cut_are_refused() {
        let usual = Workshop::default_workshop();
        let hub = text(&usual, InstanceRole::Hub, ImageKind::Golden);
        let seed = hub.find("/etc/imagegen/password-seed").expect("the seed");
        let node = text(&usual, InstanceRole::Node { hub: Ipv4Addr::new(10, 0, 0, 5) }, ImageKind::Golden);
        for (text, reason) in [
            (node.as_str(), "is the user-data of a node"),
            (hub.split_at(seed).0, "all of the hub's secrets"),
            ("", "does not begin with `#cloud-config`"),
            ("#cloud-config\nwrite_files: []\n", "the settings of a hub"),
        ] {
            let Err(Failure::Input(findings)) = restore("hub", text.as_bytes(), fill) else {
                panic!("{reason}")
            };
            let said = &findings.iter().next().expect("a finding").message;
            assert!(said.contains(reason), "{said}");
        }
    }
}
