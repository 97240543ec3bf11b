//! What must stay secret, and the same for as long as the workshop lasts.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::findings;
use crate::document::Finding;
use crate::failure::Result;

/// The name in the rendezvous certificate. Nodes reach the hub by its address and check this name.
pub const HUB_NAME: &str = "hub.imagegen.internal";

/// The secrets of one workshop.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    version: u32,
    /// The bearer key that a node shows to the rendezvous: 256 bits in base64url.
    pub(crate) join_key: String,
    /// What the passwords of the workshop are derived from: 256 bits in base64url.
    pub(crate) password_seed: String,
    /// The rendezvous' self-signed certificate, in PEM.
    pub(crate) certificate: String,
    /// Its private key, in PEM.
    pub(crate) certificate_key: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// New ones from the system's source of randomness.
    ///
    /// # Errors
    /// Where there is no randomness to be had.
    pub fn generate() -> Result<Self> {
        let key = KeyPair::generate().context("making the rendezvous key")?;
        let mut request =
            CertificateParams::new(vec![HUB_NAME.to_owned()]).context("naming the rendezvous")?;
        // The dates are far apart and fixed: a node's clock may be wrong when it boots, and the pin is what counts.
        request.not_before = rcgen::date_time_ymd(2020, 1, 1);
        request.not_after = rcgen::date_time_ymd(2049, 12, 31);
        request.distinguished_name.push(DnType::CommonName, HUB_NAME);
        let certificate = request.self_signed(&key).context("signing the rendezvous certificate")?;
        Ok(Self {
            version: 1,
            join_key: random_text()?,
            password_seed: random_text()?,
            certificate: certificate.pem(),
            certificate_key: key.serialize_pem(),
        })
    }

    /// SHA-256 of the certificate, as a lower-case hexadecimal number: what a node pins, and what a card shows.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        crate::recipe::hex(&Sha256::digest(self.certificate_bytes().unwrap_or_default()))
    }

    /// The certificate within its PEM armour (RFC 7468).
    fn certificate_bytes(&self) -> Option<Vec<u8>> {
        let body: String = self.certificate.lines().filter(|line| !line.starts_with("-----")).collect();
        STANDARD.decode(body).ok().filter(|bytes| !bytes.is_empty())
    }

    /// Reads the text of a secrets file, which `name` stands for in messages.
    ///
    /// # Errors
    /// A finding without a line of the text in it.
    pub fn parse(name: &str, text: &str) -> Result<Self, Finding> {
        let secrets: Self = serde_yaml::from_str(text)
            .map_err(|_| findings::damaged_secrets(name, "it is not what imagegen writes"))?;
        if secrets.certificate_bytes().is_none() {
            return Err(findings::damaged_secrets(name, "its certificate cannot be read"));
        }
        match secrets.version {
            1 => Ok(secrets),
            _ => Err(findings::damaged_secrets(name, "it was written by another version of imagegen")),
        }
    }

    /// The text of a secrets file.
    ///
    /// # Errors
    /// Never in practice: the fields are plain text.
    pub fn to_text(&self) -> Result<String> {
        let yaml = serde_yaml::to_string(self).context("writing the secrets")?;
        Ok(format!(
            "# The secrets of a workshop, made once by imagegen. Keep this file, and keep it to yourself.\n{yaml}"
        ))
    }
}

fn random_text() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_survive_their_file() {
        let secrets = Secrets::generate().expect("secrets");
        let text = secrets.to_text().expect("text");
        assert_eq!(Secrets::parse("secrets", &text), Ok(secrets));
    }

    #[test]
    fn a_damaged_file_is_told_without_showing_it() {
        let finding = Secrets::parse("secrets.yaml", "version: 1\njoin_key: hunter2\n").unwrap_err();
        assert!(!format!("{finding:?}").contains("hunter2"));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secrets::generate().expect("secrets")), "Secrets(…)");
    }
}
