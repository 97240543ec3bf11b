//! What the certificates of a workshop say. Each is made again whenever somebody asks for it, and is the same to the byte:
//! cards can show its fingerprint before the hub has started.

use super::Random;
use anyhow::Context;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyUsagePurpose, NameConstraints, SanType, SerialNumber,
};
use sha2::{Digest, Sha256};
use time::{Date, Duration, OffsetDateTime};

use super::key::PrivateKey;
use super::page_names::{HUB_NAME, PageNames};
use crate::failure::Result;
use crate::util::hex;

/// How long the page's certificate is valid: browsers refuse more than 398 days, and advise to stay a day below.
pub(super) const PAGE_LIFE: Duration = Duration::days(397);
/// How long the authority's is. Browsers set no limit for what people have decided to trust.
const AUTHORITY_LIFE: Duration = Duration::days(3653);

/// What the page shows to browsers.
#[derive(Clone, PartialEq, Eq)]
pub struct PageCertificate {
    /// The page's certificate, in PEM.
    pub certificate: String,
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

/// A new certificate for the rendezvous, and its private key, in PEM. No authority vouches for it, and it vouches for
/// nothing: nodes know it by its fingerprint. Its dates are far apart and fixed, since a machine's clock may be wrong when
/// it boots, and nodes that run must not lose their hub.
pub(super) fn rendezvous(random: Random) -> Result<(String, String)> {
    let key = PrivateKey::generate(random)?;
    let mut params = CertificateParams::new([HUB_NAME.to_owned()]).context("naming a certificate")?;
    params.not_before = rcgen::date_time_ymd(2019, 6, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.distinguished_name.push(DnType::CommonName, HUB_NAME);
    let certificate = params.self_signed(&key).context("signing the rendezvous's certificate")?;
    Ok((certificate.pem(), key.to_pem()?))
}

/// The public point of a private key as certificates contain it; none where the text is not such a key.
pub(super) fn public_point(pem: &str) -> Option<Vec<u8>> {
    PrivateKey::read(pem).ok().map(|key| key.point().to_vec())
}

/// The authority's certificate, in PEM: browsers that trust it take no other names from it than the page has.
pub(super) fn authority(key: &PrivateKey, since: Date, names: &PageNames) -> Result<String> {
    let certificate = params_of_authority(key, since, names)?.self_signed(key);
    Ok(certificate.context("signing the authority's certificate")?.pem())
}

/// The page's certificate, with a key that is derived from the authority's, which could sign any other all the same.
pub(super) fn page(
    authority: &PrivateKey,
    dates: [Date; 2],
    names: &PageNames,
    scalar: &[u8; 32],
) -> Result<PageCertificate> {
    let [authority_since, since] = dates;
    let key = PrivateKey::of(scalar)?;
    let issuer = Issuer::new(params_of_authority(authority, authority_since, names)?, authority);
    let params = params_of_page(&key, since, names)?;
    let certificate = params.signed_by(&key, &issuer).context("signing the page's certificate")?;
    Ok(PageCertificate {
        certificate: certificate.pem(),
        key: key.to_pem()?,
        fingerprint: fingerprint(&certificate),
    })
}

fn fingerprint(certificate: &Certificate) -> String {
    hex(&Sha256::digest(certificate.der()))
}

fn params_of_authority(key: &PrivateKey, since: Date, names: &PageNames) -> Result<CertificateParams> {
    let mut params = params(key, since, AUTHORITY_LIFE, names)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.name_constraints = Some(constraints(names));
    // Lists of authorities show this, so it says whose it is, and two workshops have two.
    let number = hex(&Sha256::digest(key.point()));
    params.distinguished_name.push(DnType::CommonName, format!("imagegen authority {}", &number[..8]));
    Ok(params)
}

/// A kind of name that is not mentioned would be free (RFC 5280, 4.2.1.10): where the page has no address, none is allowed.
fn constraints(names: &PageNames) -> NameConstraints {
    let hosts = names.domains().map(|host| GeneralSubtree::DnsName(host.to_owned()));
    let addresses = names.addresses().map(|address| CidrSubnet::V4(address.octets(), [255; 4]));
    let mut permitted_subtrees: Vec<_> = hosts.collect();
    permitted_subtrees.extend(addresses.map(GeneralSubtree::IpAddress));
    let every_address = [CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])];
    let excluded_subtrees = match names.addresses().next() {
        Some(_) => vec![],
        None => every_address.map(GeneralSubtree::IpAddress).to_vec(),
    };
    NameConstraints { permitted_subtrees, excluded_subtrees }
}

fn params_of_page(key: &PrivateKey, since: Date, names: &PageNames) -> Result<CertificateParams> {
    let mut params = params(key, since, PAGE_LIFE, names)?;
    for host in names.hosts() {
        let name = host.try_into().with_context(|| format!("naming a certificate for {host}"))?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    params.subject_alt_names.extend(names.addresses().map(|address| SanType::IpAddress(address.into())));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params.distinguished_name.push(DnType::CommonName, "imagegen page");
    Ok(params)
}

/// What both have. Browsers refuse two certificates of one number: other contents, another number.
fn params(key: &PrivateKey, since: Date, life: Duration, names: &PageNames) -> Result<CertificateParams> {
    let mut params = CertificateParams::new([]).context("naming a certificate")?;
    (params.not_before, params.not_after) = validity(since, life);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let number = Sha256::new_with_prefix(format!("{names:?}\0{since}\0{life}")).chain_update(key.point());
    params.serial_number = Some(SerialNumber::from_slice(&number.finalize()[..16]));
    Ok(params)
}

/// From a day earlier, because clocks and time zones differ. Both ends are part of it (RFC 5280, 4.1.2.5).
fn validity(since: Date, life: Duration) -> (OffsetDateTime, OffsetDateTime) {
    let first = since.midnight().assume_utc() - Duration::DAY;
    (first, first + life - Duration::SECOND)
}
