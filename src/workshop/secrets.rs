//! What must stay secret, and the same for as long as the workshop lasts.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::certificate::{self, PageCertificate};
use super::{Network, findings};
use crate::document::Finding;
use crate::failure::Result;

/// 256 bits.
const RANDOM_BYTES: usize = 32;

/// The secrets of one workshop.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    version: u32,
    /// The bearer key that a node shows to the rendezvous: 256 bits in base64url.
    pub(crate) join_key: String,
    /// What the passwords of the workshop are derived from: 256 bits in base64url.
    pub(crate) password_seed: String,
    /// The certificate of the workshop's own authority, in PEM; the rendezvous shows it too.
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
        let (certificate, certificate_key) = certificate::authority()?;
        let (join_key, password_seed) = (random_text()?, random_text()?);
        Ok(Self { version: 1, join_key, password_seed, certificate, certificate_key })
    }

    /// The certificate of the page on a hub in this network.
    ///
    /// # Errors
    /// Where the authority's key cannot be read.
    pub fn page_certificate(&self, network: &Network) -> Result<PageCertificate> {
        certificate::page(&self.certificate, &self.certificate_key, network)
    }

    /// SHA-256 of the authority's certificate, as a lower-case hexadecimal number: what a node pins.
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
        if ![&secrets.join_key, &secrets.password_seed].into_iter().all(is_random_text) {
            return Err(findings::damaged_secrets(
                name,
                "a key has not the 43 letters that imagegen gives it",
            ));
        }
        if secrets.certificate_bytes().is_none() {
            return Err(findings::damaged_secrets(name, "its certificate cannot be read"));
        }
        if !certificate::is_key(&secrets.certificate_key) {
            return Err(findings::damaged_secrets(name, "its key cannot be read"));
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

/// Whether a text may have come from [`random_text`]: a short one would be easy to guess.
fn is_random_text(text: &String) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == RANDOM_BYTES)
}

fn random_text() -> Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
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
    fn a_key_that_somebody_has_made_short_is_refused() {
        let mut secrets = Secrets::generate().expect("secrets");
        secrets.password_seed.clear();
        let text = secrets.to_text().expect("text");
        assert!(Secrets::parse("secrets", &text).is_err());
    }

    #[test]
    fn a_damaged_file_is_told_without_showing_it() {
        let finding = Secrets::parse("secrets.yaml", "version: 1\njoin_key: hunter2\n").unwrap_err();
        assert!(!format!("{finding:?}").contains("hunter2"));
    }

    #[test]
    fn the_page_has_one_certificate_for_one_network_and_another_for_another() {
        let secrets = Secrets::generate().expect("secrets");
        let named = |ip: [u8; 4]| Network { hub_ip: Some(ip.into()), ..Network::default() };
        let page = |network: &Network| secrets.page_certificate(network).expect("a certificate");
        assert_eq!(page(&named([10, 0, 0, 5])), page(&named([10, 0, 0, 5])));
        assert_ne!(page(&named([10, 0, 0, 5])).fingerprint, page(&named([10, 0, 0, 6])).fingerprint);
        assert_ne!(page(&Network::default()).fingerprint, secrets.fingerprint());
        assert!(!format!("{:?}", page(&Network::default())).contains("PRIVATE"));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secrets::generate().expect("secrets")), "Secrets(…)");
    }
}
