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
    /// The generated password of a user: HMAC-SHA256 of the name by the workshop's seed, its first 12 bytes as one
    /// character each. `userdata/hub/passwords.py` does the same on the hub.
    #[must_use]
    pub fn password(&self, user: &str) -> String {
        let digest = hmac(self.password_seed.as_bytes(), &["password of ", user].concat());
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

    #[test]
    fn each_user_has_a_password_of_60_bits_that_is_easy_to_type() {
        let text = include_str!("../../tests/fixtures/workshop.secrets.yaml");
        let secrets = Secrets::parse("test", text).expect("sound");
        let (ada, bob) = (secrets.password("ada"), secrets.password("bob"));
        assert_eq!(ada, secrets.password("ada"));
        assert_ne!(ada, bob);
        // The same pair stands in the tests of the hub's own program.
        assert_eq!(ada, "822a-v72u-xy59");
        assert!(ada.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)), "{ada}");
    }
}
