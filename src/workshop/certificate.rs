//! The workshop's own authority, and the certificate that it gives the page. The page's is made anew each time that
//! somebody asks for it, and is the same to the byte: cards can show its fingerprint before the hub has started.

use anyhow::Context;
use p256::SecretKey;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use sha2::{Digest, Sha256};

use super::Network;
use crate::failure::Result;
use crate::recipe::hex;

/// The name of the authority, and of the rendezvous, which has the authority's own certificate. Nodes reach the hub by its
/// address, and pin this certificate.
const HUB_NAME: &str = "hub.imagegen.internal";

/// What the page shows to browsers.
#[derive(Clone, PartialEq, Eq)]
pub struct PageCertificate {
    /// The page's certificate and the authority's, in PEM.
    pub chain: String,
    /// The page's private key, in PEM.
    pub key: String,
    /// The SHA-256 of the page's certificate, as a lower-case hexadecimal number: what browsers and cards show.
    pub fingerprint: String,
}

impl std::fmt::Debug for PageCertificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PageCertificate({})", self.fingerprint)
    }
}

/// A new authority: its certificate and its private key, in PEM.
pub(super) fn authority() -> Result<(String, String)> {
    let mut scalar = [0; 32];
    getrandom::fill(&mut scalar).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let key = Key::of(&scalar)?;
    let certificate = params_of_authority()?.self_signed(&key).context("signing the workshop's authority")?;
    Ok((certificate.pem(), key.to_pem()?))
}

/// The public point of a private key as certificates contain it; none where the text is not such a key.
pub(super) fn public_point(pem: &str) -> Option<Vec<u8>> {
    Key::read(pem).ok().map(|key| key.point)
}

/// The page's certificate for the hub's address and name, as far as the workshop says them.
pub(super) fn page(authority: &str, authority_key: &str, network: &Network) -> Result<PageCertificate> {
    let signer = Key::read(authority_key)?;
    // Whoever has the authority's key could sign any key for the page: this one is derived from it.
    let key =
        Key::of(&Sha256::new_with_prefix("key of the page\0").chain_update(authority_key).finalize().into())?;
    let params = params_of_page(network, &key)?;
    let issuer = Issuer::new(params_of_authority()?, signer);
    let certificate = params.signed_by(&key, &issuer).context("signing the page's certificate")?;
    Ok(PageCertificate {
        chain: certificate.pem() + authority,
        key: key.to_pem()?,
        fingerprint: fingerprint(&certificate),
    })
}

fn fingerprint(certificate: &Certificate) -> String {
    hex(&Sha256::digest(certificate.der()))
}

fn params_of_authority() -> Result<CertificateParams> {
    let mut params = params(&[HUB_NAME.to_owned()])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params.distinguished_name.push(DnType::CommonName, HUB_NAME);
    Ok(params)
}

fn params_of_page(network: &Network, key: &Key) -> Result<CertificateParams> {
    let mut names: Vec<String> = network.hub_name.iter().cloned().collect();
    names.push(format!("page.{HUB_NAME}"));
    let mut params = params(&names)?;
    params.subject_alt_names.extend(network.hub_ip.map(|ip| SanType::IpAddress(ip.into())));
    params.distinguished_name.push(DnType::CommonName, names.swap_remove(0));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    // Browsers refuse two certificates of one number: other names, another number.
    let number = Sha256::new_with_prefix(format!("{:?}", params.subject_alt_names)).chain_update(&key.point);
    params.serial_number = Some(SerialNumber::from_slice(&number.finalize()[..16]));
    Ok(params)
}

/// The dates are far apart and fixed: a machine's clock may be wrong when it boots, and the pin is what counts. Apple's
/// systems want at most 825 days of a certificate that begins after June 2019, also of authorities that somebody trusts
/// (support.apple.com/HT210176).
fn params(names: &[String]) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names).context("naming a certificate")?;
    params.not_before = rcgen::date_time_ymd(2019, 6, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    Ok(params)
}

/// A key whose signatures depend on nothing but what is signed (RFC 6979).
struct Key {
    secret: SigningKey,
    /// The public point, uncompressed (SEC 1, 2.3.3).
    point: Vec<u8>,
}

impl Key {
    fn of(scalar: &[u8; 32]) -> Result<Self> {
        Ok(Self::from(SigningKey::from_slice(scalar).context("making a key")?))
    }

    fn read(pem: &str) -> Result<Self> {
        Ok(Self::from(
            SigningKey::from_pkcs8_pem(pem).context("reading the key of the workshop's authority")?,
        ))
    }

    fn to_pem(&self) -> Result<String> {
        let secret = SecretKey::from(self.secret.as_nonzero_scalar());
        Ok(secret.to_pkcs8_pem(LineEnding::LF).context("writing a key")?.to_string())
    }
}

impl From<SigningKey> for Key {
    fn from(secret: SigningKey) -> Self {
        let point = secret.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        Self { secret, point }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = self.secret.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}
