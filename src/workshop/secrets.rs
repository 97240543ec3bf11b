//! What must stay secret, and the same for as long as the workshop lasts.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::Date;

use super::authority::Authority;
use super::certificate::{self, PageCertificate};
use super::page_names::PageNames;
use super::{Random, Workshop, secret_findings as findings};
use crate::document::Finding;
use crate::failure::Result;

/// The format of a secrets file. One of version 1 has no authority: the rendezvous's certificate was the authority too.
const VERSION: u32 = 2;
const WITHOUT_AUTHORITY: u32 = 1;

/// A term, and some: whoever prints a text for the hub may need it for so long.
const RENEWAL_DAYS: i64 = 150;

/// 256 bits.
const RANDOM_BYTES: usize = 32;

/// Crockford's Base32: no letter that is read as a digit.
const ID_ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a workshop's id, with five bits each.
const ID_LENGTH: usize = 8;

/// The secrets of one workshop.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    version: u32,
    /// The bearer key that a node shows to the rendezvous: 256 bits in base64url.
    pub(crate) join_key: String,
    /// What the passwords of the workshop are derived from: 256 bits in base64url.
    pub(crate) password_seed: String,
    /// The certificate of the rendezvous, in PEM, which nodes know by its fingerprint.
    pub(crate) certificate: String,
    /// Its private key, in PEM.
    pub(crate) certificate_key: String,
    /// What vouches for the page. No user-data contains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority: Option<Authority>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// New ones from `random`, with certificates that are valid from `today` on.
    ///
    /// # Errors
    /// Where there is no randomness to be had.
    pub fn generate(today: Date, random: Random) -> Result<Self> {
        let (certificate, certificate_key) = certificate::rendezvous(random)?;
        let (join_key, password_seed) = (random_text(random)?, random_text(random)?);
        let authority = Some(Authority::generate(today, random)?);
        Ok(Self { version: VERSION, join_key, password_seed, certificate, certificate_key, authority })
    }

    /// These secrets with an authority: their own, or a new one where they have none, as those of an earlier imagegen and
    /// those from a hub's user-data.
    ///
    /// # Errors
    /// Where there is no randomness to be had.
    pub fn with_authority(self, today: Date, random: Random) -> Result<Self> {
        let authority = self.authority.map_or_else(|| Authority::generate(today, random), Ok)?;
        Ok(Self { version: VERSION, authority: Some(authority), ..self })
    }

    /// Whether they have an authority.
    #[must_use]
    pub fn have_authority(&self) -> bool {
        self.authority.is_some()
    }

    /// The secrets of a hub's user-data, which has no join key where its engine needs none, and no authority.
    ///
    /// # Errors
    /// Where a join key has to be made and there is no randomness.
    pub(super) fn from_parts(
        join_key: Option<&str>,
        password_seed: &str,
        certificate: &str,
        certificate_key: &str,
        random: Random,
    ) -> Result<Self> {
        Ok(Self {
            version: VERSION,
            join_key: join_key.map_or_else(|| random_text(random), |key| Ok(key.to_owned()))?,
            password_seed: password_seed.to_owned(),
            certificate: certificate.to_owned(),
            certificate_key: certificate_key.to_owned(),
            authority: None,
        })
    }

    /// The certificate of the page of this workshop.
    ///
    /// # Errors
    /// A finding where these secrets have no authority.
    pub fn page_certificate(&self, workshop: &Workshop) -> Result<PageCertificate> {
        self.authority()?.page(&PageNames::of(workshop))
    }

    /// The certificate of the authority, in PEM, for computers that are to trust the page of this workshop.
    ///
    /// # Errors
    /// A finding where these secrets have no authority.
    pub fn authority_certificate(&self, workshop: &Workshop) -> Result<String> {
        self.authority()?.certificate(&PageNames::of(workshop))
    }

    fn authority(&self) -> Result<&Authority, Finding> {
        self.authority.as_ref().ok_or_else(findings::no_authority)
    }

    /// What is wrong with the days of the page's certificate, if anything is; `name` stands for the secrets file.
    #[must_use]
    pub fn doubt_about_the_page(&self, name: &str, today: Date) -> Option<Finding> {
        let [first, last] = self.authority.as_ref()?.page_days();
        if today < first {
            return Some(findings::page_not_valid_yet(name, first, today));
        }
        ((last - today).whole_days() < RENEWAL_DAYS).then(|| findings::page_ends(name, last, today))
    }

    /// A short id of a workshop with these secrets, so that people notice cards, texts and machines that do not belong
    /// together. It reveals nothing: 40 bits of a hash of much more.
    ///
    /// The join key is not part of it, because the text of a hub with the classic engine does not contain one.
    #[must_use]
    pub fn workshop_id(&self, workshop: &str) -> String {
        let text = ["imagegen workshop id", workshop, &self.password_seed, &self.fingerprint()].join("\0");
        let digest = Sha256::digest(text);
        let bits =
            digest.iter().take(ID_LENGTH * 5 / 8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let shifts = (0..ID_LENGTH).rev().map(|place| 5 * place);
        shifts.map(|shift| char::from(ID_ALPHABET[(bits >> shift & 31) as usize])).collect()
    }

    /// SHA-256 of the rendezvous's certificate, as a lower-case hexadecimal number: what a node pins.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        crate::util::hex(&Sha256::digest(self.certificate_bytes().unwrap_or_default()))
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
        Self::read(text).map_err(|reason| findings::damaged_secrets(name, reason))
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        // Windows' editors mark UTF-8, and end lines in their own way.
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        if text.trim().is_empty() {
            return Err("it is empty");
        }
        let secrets: Self = serde_yaml::from_str(&text).map_err(|_| "it is not what imagegen writes")?;
        secrets.sound()
    }

    /// These secrets, or the reason why they cannot be used.
    pub(super) fn sound(self) -> Result<Self, &'static str> {
        if ![WITHOUT_AUTHORITY, VERSION].contains(&self.version) {
            return Err("it was written by another version of imagegen");
        }
        if ![&self.join_key, &self.password_seed].into_iter().all(is_random_text) {
            return Err("a key does not have the 43 characters that imagegen gives it");
        }
        if let Some(fault) = self.authority.as_ref().and_then(Authority::fault) {
            return Err(fault);
        }
        let certificate = self.certificate_bytes().ok_or("its certificate cannot be read")?;
        match certificate::public_point(&self.certificate_key) {
            None => Err("its key cannot be read"),
            Some(point) if !certificate.windows(point.len()).any(|bytes| bytes == point) => {
                Err("its key does not belong to its certificate")
            }
            Some(_) => Ok(self),
        }
    }

    /// The text of the secrets file of a workshop.
    ///
    /// # Errors
    /// Never in practice: the fields are plain text.
    pub fn to_text(&self, workshop: &str) -> Result<String> {
        let yaml = serde_yaml::to_string(self).context("writing the secrets")?;
        Ok(format!(
            "# The secrets of a workshop, made once by imagegen. Keep this file, and keep it to yourself.\n\
             # The authority's key is nowhere else. A later `page_since` renews the page's certificate.\n\
             # With them, the workshop {workshop} has the id {}.\n{yaml}",
            self.workshop_id(workshop)
        ))
    }
}

/// Whether a text may have come from [`random_text`]: a short one would be easy to guess.
fn is_random_text(text: &String) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == RANDOM_BYTES)
}

fn random_text(random: Random) -> Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    random(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::random::fill;
    use crate::workshop::Network;

    fn today() -> Date {
        Date::from_calendar_date(2026, time::Month::November, 28).expect("a day")
    }

    #[test]
    fn secrets_survive_their_file() {
        let secrets = Secrets::generate(today(), fill).expect("secrets");
        let text = secrets.to_text("training").expect("text");
        assert_eq!(Secrets::parse("secrets", &text), Ok(secrets));
    }

    #[test]
    fn a_key_that_somebody_has_made_short_is_refused() {
        let mut secrets = Secrets::generate(today(), fill).expect("secrets");
        secrets.password_seed.clear();
        let text = secrets.to_text("training").expect("text");
        assert!(Secrets::parse("secrets", &text).is_err());
    }

    #[test]
    fn a_file_that_windows_has_rewritten_holds_the_same_secrets() {
        let secrets = Secrets::generate(today(), fill).expect("secrets");
        let text = secrets.to_text("training").expect("text").replace('\n', "\r\n");
        assert_eq!(Secrets::parse("secrets", &format!("\u{feff}{text}")), Ok(secrets));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let mut secrets = Secrets::generate(today(), fill).expect("secrets");
        secrets.certificate_key = Secrets::generate(today(), fill).expect("others").certificate_key;
        let text = secrets.to_text("training").expect("text");
        let finding = Secrets::parse("secrets", &text).unwrap_err();
        assert!(finding.message.contains("does not belong to its certificate"), "{finding:?}");
    }

    #[test]
    fn an_empty_file_is_told_as_one() {
        for text in ["", "\n", "\u{feff}", " \r\n"] {
            let finding = Secrets::parse("secrets", text).unwrap_err();
            assert!(finding.message.contains("it is empty"), "{finding:?}");
        }
    }

    #[test]
    fn other_secrets_or_another_name_give_another_id() {
        let text = include_str!("../../tests/fixtures/workshop.secrets.yaml");
        let secrets = Secrets::parse("test", text).expect("sound");
        let ids = [
            secrets.workshop_id("training"),
            secrets.workshop_id("galaxy"),
            Secrets::generate(today(), fill).expect("secrets").workshop_id("training"),
            Secrets { certificate: String::new(), ..secrets.clone() }.workshop_id("training"),
            Secrets { password_seed: String::new(), ..secrets }.workshop_id("training"),
        ];
        assert!(ids.iter().all(|id| id.len() == 8 && id.bytes().all(|byte| ID_ALPHABET.contains(&byte))));
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        assert_eq!(ids[0], "MWK5G7KG");
    }

    #[test]
    fn a_damaged_file_is_told_without_showing_it() {
        let finding = Secrets::parse("secrets.yaml", "version: 1\njoin_key: hunter2\n").unwrap_err();
        assert!(!format!("{finding:?}").contains("hunter2"));
    }

    #[test]
    fn the_page_has_one_certificate_for_one_network_and_another_for_another() {
        let secrets = Secrets::generate(today(), fill).expect("secrets");
        let named = |ip: [u8; 4]| Network { hub_ip: Some(ip.into()), ..Network::default() };
        let page = |network: Network| {
            let workshop = Workshop { network, ..Workshop::default_workshop() };
            secrets.page_certificate(&workshop).expect("a certificate")
        };
        assert_eq!(page(named([10, 0, 0, 5])), page(named([10, 0, 0, 5])));
        assert_ne!(page(named([10, 0, 0, 5])).fingerprint, page(named([10, 0, 0, 6])).fingerprint);
        assert_ne!(page(Network::default()).fingerprint, secrets.fingerprint());
        assert!(!format!("{:?}", page(Network::default())).contains("PRIVATE"));
    }

    #[test]
    fn a_renewed_page_has_another_certificate_and_key_and_the_same_authority() {
        let secrets = Secrets::generate(today(), fill).expect("secrets");
        let text = secrets.to_text("training").expect("text");
        let renewed = text.replace("page_since: \"2026-11-28\"", "page_since: 2027-10-01");
        assert_ne!(text, renewed, "{text}");
        let renewed = Secrets::parse("secrets", &renewed).expect("sound");
        let workshop = Workshop::default_workshop();
        let page = |secrets: &Secrets| secrets.page_certificate(&workshop).expect("a certificate");
        assert!(
            page(&secrets).certificate != page(&renewed).certificate
                && page(&secrets).key != page(&renewed).key
        );
        let authority = |secrets: &Secrets| secrets.authority_certificate(&workshop).expect("a certificate");
        assert_eq!(authority(&secrets), authority(&renewed));
        assert_eq!(secrets.fingerprint(), renewed.fingerprint(), "what nodes know");
    }

    #[test]
    fn a_certificate_that_ends_soon_or_begins_later_is_doubtful() {
        let secrets = Secrets::generate(today(), fill).expect("secrets");
        let doubt = |days: i64| {
            let doubt = secrets.doubt_about_the_page("s", today() + time::Duration::days(days));
            doubt.map(|finding| finding.message)
        };
        assert_eq!((doubt(0), doubt(395 - RENEWAL_DAYS)), (None, None));
        let said = doubt(395 - RENEWAL_DAYS + 1).expect("a doubt");
        assert!(said.contains("ends on 2027-12-28"), "{said}");
        assert!(doubt(-1).is_some_and(|said| said.contains("from 2026-11-28")));
        assert!(doubt(400).is_some_and(|said| said.contains("ended on 2027-12-28")));
    }

    #[test]
    fn days_that_cannot_be_are_told() {
        let text = Secrets::generate(today(), fill).expect("secrets").to_text("training").expect("text");
        for (day, reason) in [("2026-11-27", "earlier than"), ("2026-13-01", "not what imagegen writes")] {
            let text = text.replace("page_since: \"2026-11-28\"", &format!("page_since: {day}"));
            let finding = Secrets::parse("secrets", &text).unwrap_err();
            assert!(finding.message.contains(reason), "{finding:?}");
        }
    }

    #[test]
    fn secrets_of_an_earlier_imagegen_get_an_authority_and_stay_what_nodes_know() {
        let secrets = Secrets::generate(today(), fill).expect("secrets");
        let text = secrets.to_text("training").expect("text").replace("version: 2", "version: 1");
        let (without, _) = text.split_once("authority:").expect("an authority");
        let old = Secrets::parse("secrets", without).expect("sound");
        assert!(!old.have_authority() && old.page_certificate(&Workshop::default_workshop()).is_err());
        let new = old.clone().with_authority(today(), fill).expect("an authority");
        assert_eq!((new.fingerprint(), new.workshop_id("a")), (old.fingerprint(), old.workshop_id("a")));
        assert_eq!(new.clone().with_authority(today(), fill).expect("the same"), new);
        assert_eq!(Secrets::parse("secrets", &new.to_text("training").expect("text")), Ok(new));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secrets::generate(today(), fill).expect("secrets")), "Secrets(…)");
    }
}
