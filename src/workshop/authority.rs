//! The workshop's own authority, whose key stays with the organiser: machines get what it has signed.

use super::Random;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::{Date, Duration};

use super::certificate::{self, PAGE_LIFE, PageCertificate};
use super::day;
use super::key::PrivateKey;
use super::page_names::PageNames;
use crate::failure::Result;

/// An authority: everything but its key follows from the workshop and the dates.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authority {
    /// Its private key, in PEM.
    key: String,
    /// The day on which it was made.
    #[serde(with = "day")]
    since: Date,
    /// The day from which the page's certificate is valid; a later day renews it.
    #[serde(with = "day")]
    page_since: Date,
}

impl Authority {
    pub(super) fn generate(today: Date, random: Random) -> Result<Self> {
        Ok(Self { key: PrivateKey::generate(random)?.to_pem()?, since: today, page_since: today })
    }

    /// What makes it unusable, if anything does.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if PrivateKey::read(&self.key).is_err() {
            return Some("its authority's key cannot be read");
        }
        (self.page_since < self.since).then_some("its `page_since` is earlier than its authority's `since`")
    }

    /// Its certificate, in PEM.
    pub(super) fn certificate(&self, names: &PageNames) -> Result<String> {
        certificate::authority(&PrivateKey::read(&self.key)?, self.since, names)
    }

    /// The page's certificate for these names.
    pub(super) fn page(&self, names: &PageNames) -> Result<PageCertificate> {
        let [key, day] = [&self.key, &self.page_since.to_string()];
        let scalar = Sha256::new_with_prefix("key of the page\0")
            .chain_update(key)
            .chain_update("\0")
            .chain_update(day);
        let dates = [self.since, self.page_since];
        certificate::page(&PrivateKey::read(key)?, dates, names, &scalar.finalize().into())
    }

    /// The days from which on and until which the page's certificate is valid.
    pub(super) fn page_days(&self) -> [Date; 2] {
        [self.page_since, self.page_since + PAGE_LIFE - Duration::days(2)]
    }
}
