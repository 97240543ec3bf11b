//! Passwords that hub and cards derive alike, so that no text carries them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secrets;

/// What passwords are written with: small letters and digits, less those that are taken for each other on paper
/// (`l` and `1`, `o` and `0`). There are 32, so each character holds five bits.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// How many groups of four characters: 12 characters of five bits are 60 bits.
const GROUPS: usize = 3;

impl Secrets {
    /// The generated password of a user: the first 12 bytes of an HMAC-SHA256, with a character for each. The hub's
    /// `passwords.py` derives the same.
    ///
    /// Two workshops with the same secrets have different passwords. Neither name can contain the NUL that ends the
    /// name of the workshop, so that no other pair of names gives the same message.
    #[must_use]
    pub fn password(&self, workshop: &str, user: &str) -> String {
        let digest = hmac(self.password_seed.as_bytes(), &["imagegen password", workshop, user].join("\0"));
        let groups = digest.chunks(4).take(GROUPS).map(|bytes| {
            bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect::<String>()
        });
        groups.collect::<Vec<_>>().join("-")
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(text).finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let text = include_str!("../../tests/fixtures/workshop.secrets.yaml");
        Secrets::parse("test", text).expect("sound")
    }

    #[test]
    fn each_user_has_a_password_of_60_bits_that_is_easy_to_type() {
        let secrets = secrets();
        let (ada, bob) = (secrets.password("training", "ada"), secrets.password("training", "bob"));
        assert_ne!(ada, bob);
        assert!(ada.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)), "{ada}");
    }

    #[test]
    fn hub_and_cards_derive_the_same_passwords() {
        // The tests of the hub's program have the same vectors.
        assert_eq!(secrets().password("training", "ada"), "qh9r-zh7a-ka3s");
        assert_eq!(secrets().password("galaxy-2026", "ada"), "piuq-sjg6-zm2e");
    }

    #[test]
    fn two_workshops_with_the_same_secrets_share_no_password() {
        let secrets = secrets();
        let passwords = |workshop: &str| {
            let users = ["ada", "bob", "g-ada", "training01", "training30"];
            users.map(|user| secrets.password(workshop, user)).to_vec()
        };
        let mut all = ["training", "galaxy", "galaxy-2026", "galax", "galaxyg"].map(passwords).concat();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
