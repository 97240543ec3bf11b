//! The wording of what can be wrong with the page's names and its certificate.

use std::sync::Arc;

use super::option_findings::wrong;
use crate::document::{Finding, Node, Source};

/// A domain that nobody else could find.
#[must_use]
pub(super) fn not_a_domain(source: &Arc<Source>, text: &str, node: &Node) -> Finding {
    let message = format!("`web.domain` must be a fully qualified domain name, and `{text}` is not");
    let remedy = "write only the name, without `https://`, a port or a path, like `workshop.example.org`";
    wrong(source, node, message, remedy, "not a domain name")
}

/// Host names for students below no domain.
#[must_use]
pub(super) fn names_without_a_domain(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "`subdomains` needs `domain`: students' host names are below it".to_owned();
    let remedy = "write `domain: workshop.example.org` beside it, and let this name and `*.workshop.example.org` lead to \
                  the hub; or remove `subdomains`: without it, only the owner reaches a student's server as well";
    wrong(source, node, message, remedy, "below which domain?")
}

/// Host names for students, and no authority that would certify them.
#[must_use]
pub(super) fn no_certificate_for_all(source: &Arc<Source>, domain: &str, node: &Node) -> Finding {
    Finding::warning(
        format!("browsers will warn of the page: Let's Encrypt gives the hub no certificate for all of `*.{domain}`"),
        format!(
            "have a certificate made for `{domain}` and `*.{domain}` (an ACME client does that with the challenge DNS-01), \
             and name its files here: `certificate: fullchain.pem` and `key: privkey.pem`; until then the page has one of \
             the workshop's own authority, whose fingerprint is on the cards"
        ),
    )
    .at(source, node.span.clone(), "many names")
}

/// A domain for which there is no public certificate.
#[must_use]
pub(super) fn no_certificate_for(source: &Arc<Source>, domain: &str, node: &Node) -> Finding {
    Finding::warning(
        format!(
            "no public authority gives a certificate for `{domain}`: the hub would ask again and again, and show the \
             workshop's own meanwhile"
        ),
        format!(
            "write `network: {{hub_name: {domain}}}` instead of `web`: the page has the workshop's own certificate then, \
             whose fingerprint is on the cards; or name one that you have: `certificate: fullchain.pem` and \
             `key: privkey.pem`"
        ),
    )
    .at(source, node.span.clone(), "not a name of the internet")
}

/// A certificate for no name.
#[must_use]
pub(super) fn certificate_without_a_domain(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "a certificate is for a name, and the page has none".to_owned();
    wrong(source, node, message, "write `domain: workshop.example.org` beside it", "for which domain?")
}

/// A certificate without its key, or a key without its certificate.
#[must_use]
pub(super) fn half_a_certificate(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "a certificate and its private key belong together".to_owned();
    let remedy = "name both files: `certificate: fullchain.pem` and `key: privkey.pem`";
    wrong(source, node, message, remedy, "one of two")
}

/// A file that is no certificate.
#[must_use]
pub(super) fn not_a_certificate(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "this file has no certificate in PEM".to_owned();
    let remedy = "name the file with the whole chain, which begins with `-----BEGIN CERTIFICATE-----`; what is in DER \
                  becomes PEM with `openssl x509 -inform DER`";
    wrong(source, node, message, remedy, "not a certificate")
}

/// A file that is no private key, or one that nobody can read without its password.
#[must_use]
pub(super) fn not_a_key(source: &Arc<Source>, node: &Node) -> Finding {
    let message = "this file has no private key in PEM that the hub could read".to_owned();
    let remedy = "name the file with `-----BEGIN PRIVATE KEY-----`; one with a password loses it with \
                  `openssl pkey -in KEY -out NEW`";
    wrong(source, node, message, remedy, "not a key")
}

/// A key of another certificate.
#[must_use]
pub(super) fn not_a_pair(source: &Arc<Source>, key: &Node, chain: &Node) -> Finding {
    let message = "this is not the private key of the certificate".to_owned();
    let remedy =
        "name the key that the certificate was made with; the page's certificate is the first in its file";
    wrong(source, key, message, remedy, "of another certificate").at(
        source,
        chain.span.clone(),
        "the certificate",
    )
}

/// A certificate for other names.
#[must_use]
pub(super) fn not_for(source: &Arc<Source>, name: &str, node: &Node) -> Finding {
    let message = format!("this certificate is not for `{name}`, and browsers would refuse it");
    let remedy = format!("have one made for `{name}` too, or name the file with that one first");
    wrong(source, node, message, &remedy, "for other names")
}
