//! Private keys on the curve P-256, which every browser takes.

use super::Random;
use anyhow::Context;
use p256::SecretKey;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rcgen::{PublicKeyData, SignatureAlgorithm};

use crate::failure::Result;

/// A key whose signatures depend on nothing but what is signed (RFC 6979).
pub(super) struct PrivateKey {
    secret: SigningKey,
    /// The public point, uncompressed (SEC 1, 2.3.3).
    point: Vec<u8>,
}

impl PrivateKey {
    pub(super) fn generate(random: Random) -> Result<Self> {
        let mut scalar = [0; 32];
        random(&mut scalar)?;
        Self::of(&scalar)
    }

    pub(super) fn of(scalar: &[u8; 32]) -> Result<Self> {
        Ok(Self::from(SigningKey::from_slice(scalar).context("making a key")?))
    }

    pub(super) fn read(pem: &str) -> Result<Self> {
        Ok(Self::from(SigningKey::from_pkcs8_pem(pem).context("reading a key of the workshop")?))
    }

    pub(super) fn to_pem(&self) -> Result<String> {
        let secret = SecretKey::from(self.secret.as_nonzero_scalar());
        Ok(secret.to_pkcs8_pem(LineEnding::LF).context("writing a key")?.to_string())
    }

    /// The public point as certificates contain it.
    pub(super) fn point(&self) -> &[u8] {
        &self.point
    }
}

impl From<SigningKey> for PrivateKey {
    fn from(secret: SigningKey) -> Self {
        let point = secret.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { secret, point }
    }
}

impl PublicKeyData for PrivateKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for PrivateKey {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = self.secret.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}
