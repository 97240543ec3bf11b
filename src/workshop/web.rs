//! How the page is reached, and with which certificate.

use std::fmt;
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;

use super::{FileReader, findings, validate, web_findings};
use crate::document::{Fields, Findings, Node, Source};

pub(super) const KEYS: &[&str] = &["domain", "email", "subdomains", "certificate", "key"];
const EXAMPLE: &str = "certificate: fullchain.pem";

/// How the page is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Web {
    /// The page's DNS name.
    pub domain: Option<String>,
    /// Whom Let's Encrypt tells of trouble.
    pub email: Option<String>,
    /// Whether each student's server has a host name of its own, below the domain.
    pub subdomains: bool,
    /// The organiser's own certificate for these names.
    pub certificate: Option<OwnCertificate>,
}

impl Web {
    /// The name that stands for those of all students' servers, if they have any.
    #[must_use]
    pub fn wildcard(&self) -> Option<String> {
        self.domain.as_ref().filter(|_| self.subdomains).map(|domain| format!("*.{domain}"))
    }

    /// Whether the hub itself gets a certificate from Let's Encrypt. For a wildcard it would have to change the domain's DNS.
    #[must_use]
    pub fn is_automatic(&self) -> bool {
        self.domain.is_some() && !self.subdomains && self.certificate.is_none()
    }

    /// Whether the page shows a certificate of the workshop's own authority, whose fingerprint people have to know.
    #[must_use]
    pub fn has_own_authority(&self) -> bool {
        self.certificate.is_none() && !self.is_automatic()
    }
}

/// A certificate that the organiser has.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The certificate and those between it and its authority's, in PEM.
    pub chain: String,
    /// Its private key, in PEM.
    pub key: String,
}

impl fmt::Debug for OwnCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OwnCertificate(of {} characters)", self.chain.len())
    }
}

/// Reads the section `web`.
pub(super) fn read(
    source: &Arc<Source>,
    node: &Node,
    reader: FileReader<'_>,
    findings: &mut Findings,
) -> Web {
    let mut fields = Fields::of(source, "web", node, KEYS, findings);
    let domain = fields.text("domain", "domain: workshop.example.org");
    let is_domain = |text: &str| validate::is_host_name(text) && text.contains('.');
    if let Some((text, node)) = domain.filter(|(text, _)| !is_domain(text)) {
        fields.findings().push(web_findings::not_a_domain(source, text, node));
    }
    let email = fields.text("email", "email: ada@example.org");
    if let Some((text, node)) = email.filter(|(text, _)| !is_email(text)) {
        fields.findings().push(findings::not_an_email(source, text, node));
    }
    let subdomains = fields.flag("subdomains", "subdomains: true").unwrap_or_default();
    let owned = |text: Option<(&str, &Node)>| text.map(|(text, _)| text.to_owned());
    let mut web = Web { domain: owned(domain), email: owned(email), subdomains, certificate: None };
    web.certificate = own_certificate(source, &mut fields, reader, &web);
    let brought = fields.get("certificate").or_else(|| fields.get("key"));
    let flag = fields.get("subdomains").filter(|_| subdomains);
    let finding = match (domain, flag, brought) {
        (None, Some(flag), _) => Some(web_findings::names_without_a_domain(source, flag)),
        (None, None, Some(file)) => Some(web_findings::certificate_without_a_domain(source, file)),
        (Some((text, _)), Some(flag), None) => Some(web_findings::no_certificate_for_all(source, text, flag)),
        (Some((text, node)), None, None) if is_domain(text) && validate::is_private_domain(text) => {
            Some(web_findings::no_certificate_for(source, text, node))
        }
        _ => None,
    };
    if let Some(finding) = finding {
        fields.findings().push(finding);
    }
    web
}

/// The two files, which belong together.
fn own_certificate(
    source: &Arc<Source>,
    fields: &mut Fields<'_, '_>,
    reader: FileReader<'_>,
    web: &Web,
) -> Option<OwnCertificate> {
    let (chain, key) = (fields.text("certificate", EXAMPLE), fields.text("key", "key: privkey.pem"));
    let (Some((_, chain_node)), Some((_, key_node))) = (chain, key) else {
        if let Some((_, node)) = chain.or(key) {
            fields.findings().push(web_findings::half_a_certificate(source, node));
        }
        return None;
    };
    let mut text = |(name, node): (&str, &Node)| match reader(name) {
        Ok(file) => Some(file.text.replace("\r\n", "\n")),
        Err(reason) => {
            fields.findings().push(findings::unreadable_part(source, name, &reason, node));
            None
        }
    };
    let own = chain.and_then(&mut text).zip(key.and_then(&mut text));
    let own = own.map(|(chain, key)| OwnCertificate { chain, key })?;
    match fault(&own, web) {
        None => {}
        Some(CertificateFault::Chain) => {
            fields.findings().push(web_findings::not_a_certificate(source, chain_node));
        }
        Some(CertificateFault::Key) => fields.findings().push(web_findings::not_a_key(source, key_node)),
        Some(CertificateFault::Pair) => {
            fields.findings().push(web_findings::not_a_pair(source, key_node, chain_node));
        }
        Some(CertificateFault::Name(name)) => {
            fields.findings().push(web_findings::not_for(source, &name, chain_node));
        }
    }
    Some(own)
}

/// Why a web server would not take a certificate, or browsers would not.
#[derive(Debug, PartialEq, Eq)]
enum CertificateFault {
    Chain,
    Key,
    Pair,
    /// It is not for this name.
    Name(String),
}

fn fault(own: &OwnCertificate, web: &Web) -> Option<CertificateFault> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(own.chain.as_bytes()).collect();
    let chain = chain.unwrap_or_default();
    let Some(first) = chain.first() else { return Some(CertificateFault::Chain) };
    let Ok(certificate) = ParsedCertificate::try_from(first) else { return Some(CertificateFault::Chain) };
    let Ok(key) = PrivateKeyDer::from_pem_slice(own.key.as_bytes()) else {
        return Some(CertificateFault::Key);
    };
    match CertifiedKey::from_der(chain.clone(), key, &default_provider()) {
        Err(rustls::Error::InconsistentKeys(_)) => return Some(CertificateFault::Pair),
        Err(_) => return Some(CertificateFault::Key),
        Ok(_) => {}
    }
    // Nobody asks for the wildcard itself; any name below the domain stands for it here.
    let asked = |name: &str| ServerName::try_from(name.replace('*', "student"));
    let wanted = web.domain.iter().cloned().chain(web.wildcard());
    let mut missing = wanted
        .filter(|name| asked(name).is_ok_and(|asked| verify_server_name(&certificate, &asked).is_err()));
    missing.next().map(CertificateFault::Name)
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
            && validate::is_host_name(&host.to_ascii_lowercase())
    })
}
