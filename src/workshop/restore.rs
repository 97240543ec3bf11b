//! A hub's user-data → the secrets that it was made with.

use super::Random;
use serde_json::Value as Json;

use super::{Secrets, secret_findings as findings};
use crate::failure::Result;

/// What the user-data of a hub contains of the secrets. Whatever is not there is none.
#[derive(Clone, Copy)]
pub struct HubFiles<'a> {
    /// The settings of the hub's programs, as JSON.
    pub settings: Option<&'a str>,
    /// What passwords are derived from.
    pub password_seed: Option<&'a str>,
    /// The certificate of the rendezvous, in PEM.
    pub certificate: Option<&'a str>,
    /// Its private key, in PEM.
    pub certificate_key: Option<&'a str>,
}

impl std::fmt::Debug for HubFiles<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HubFiles(…)")
    }
}

/// Secrets, and the workshop that they were found with.
#[derive(Debug)]
pub struct Restored {
    /// The secrets.
    pub secrets: Secrets,
    /// The name of the workshop.
    pub workshop: String,
    /// Whether the text had no join key, so that this one is new.
    pub new_join_key: bool,
}

impl HubFiles<'_> {
    /// The secrets that the text was made with, but for the authority, which no text contains; `name` stands for the text
    /// in messages.
    ///
    /// # Errors
    /// A finding where the text is a node's, is incomplete, or contradicts itself.
    pub fn restore(&self, name: &str, random: Random) -> Result<Restored> {
        let incomplete = |reason: &str| findings::nothing_to_restore(name, reason);
        let settings = self.settings.and_then(|text| serde_json::from_str::<Json>(text).ok());
        let settings = settings.ok_or_else(|| incomplete("it does not contain the settings of a hub"))?;
        if is_node(&settings) {
            return Err(findings::text_of_a_node(name).into());
        }
        let secrets = Secrets::from_parts(
            settings["join_key"].as_str(),
            required(self.password_seed).map_err(incomplete)?.trim(),
            required(self.certificate).map_err(incomplete)?,
            required(self.certificate_key).map_err(incomplete)?,
            random,
        )?;
        let secrets = secrets.sound().map_err(incomplete)?;
        let workshop =
            settings["workshop"].as_str().ok_or_else(|| incomplete("it does not name its workshop"))?;
        let id = settings["workshop_id"].as_str();
        if id.is_some_and(|id| id != secrets.workshop_id(workshop)) {
            return Err(
                incomplete("it was changed after it was made: its id is not that of its secrets").into()
            );
        }
        let new_join_key = settings["join_key"].is_null();
        Ok(Restored { secrets, workshop: workshop.to_owned(), new_join_key })
    }
}

/// Nodes are told where the hub is.
fn is_node(settings: &Json) -> bool {
    settings["role"] == "node" || settings.get("hub").is_some()
}

fn required(part: Option<&str>) -> Result<&str, &'static str> {
    part.ok_or("it does not contain all of the hub's secrets")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;

    const SETTINGS: &str =
        r#"{"workshop": "galaxy", "join_key": "U9pNbCkk3sLkwA034TAXli3m7IVyRYSESm2gdYAsMdc"}"#;

    fn secrets() -> Secrets {
        Secrets::parse("test", include_str!("../../tests/fixtures/workshop.secrets.yaml")).expect("sound")
    }

    fn files<'a>(secrets: &'a Secrets, settings: &'a str) -> HubFiles<'a> {
        HubFiles {
            settings: Some(settings),
            password_seed: Some(&secrets.password_seed),
            certificate: Some(&secrets.certificate),
            certificate_key: Some(&secrets.certificate_key),
        }
    }

    fn refusal(files: &HubFiles<'_>) -> String {
        match files.restore("hub.yaml", crate::host::random::fill) {
            Err(Failure::Input(findings)) => findings.iter().map(|it| it.message.clone()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_secrets_come_back() {
        let secrets = secrets();
        let restored =
            files(&secrets, SETTINGS).restore("hub.yaml", crate::host::random::fill).expect("restored");
        assert!(!restored.secrets.have_authority());
        assert_eq!(restored.secrets.workshop_id("galaxy"), secrets.workshop_id("galaxy"));
        assert_eq!((&restored.secrets.join_key, restored.workshop.as_str()), (&secrets.join_key, "galaxy"));
        assert_eq!(restored.secrets.certificate_key, secrets.certificate_key);
        assert!(!restored.new_join_key);
    }

    #[test]
    fn the_classic_engine_has_no_join_key_and_keeps_its_id_and_passwords() {
        let secrets = secrets();
        let restored = files(&secrets, r#"{"workshop": "galaxy"}"#)
            .restore("hub.yaml", crate::host::random::fill)
            .expect("restored");
        assert!(restored.new_join_key && restored.secrets.join_key != secrets.join_key);
        assert_eq!(restored.secrets.workshop_id("galaxy"), secrets.workshop_id("galaxy"));
        assert_eq!(restored.secrets.password("galaxy", "ada"), secrets.password("galaxy", "ada"));
    }

    #[test]
    fn a_node_has_nothing_to_restore() {
        let secrets = secrets();
        for settings in [r#"{"workshop": "galaxy", "hub": "10.0.0.5"}"#, r#"{"role": "node"}"#] {
            let node = HubFiles { password_seed: None, certificate_key: None, ..files(&secrets, settings) };
            assert!(refusal(&node).contains("of a node"), "{}", refusal(&node));
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_refused_without_showing_it() {
        let secrets = secrets();
        let whole = files(&secrets, SETTINGS);
        let cut = secrets.certificate_key.split_at(100).0;
        let short = secrets.password_seed.split_at(40).0;
        let other_id = SETTINGS.replace('}', r#", "workshop_id": "00000000"}"#);
        for files in [
            HubFiles { settings: None, ..whole },
            HubFiles { settings: Some("{"), ..whole },
            HubFiles { password_seed: None, ..whole },
            HubFiles { password_seed: Some(short), ..whole },
            HubFiles { certificate: None, ..whole },
            HubFiles { certificate_key: None, ..whole },
            HubFiles { certificate_key: Some(cut), ..whole },
            HubFiles { settings: Some(&other_id), ..whole },
        ] {
            let said = refusal(&files);
            assert!(said.contains("no secrets can be restored from hub.yaml"), "{said}");
            assert!(!said.contains(short) && !said.contains(cut), "{said}");
        }
    }
}
